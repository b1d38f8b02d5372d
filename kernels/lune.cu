// K3: what every edge does, by the components of its lune.
//
// lune_tiles sees every edge once: empty lunes are RNG edges, a hub ends most others, the rest is
// listed. lune_components floods the lunes of the list and finds the split edges. The noted
// kernels do the same and write certificates, by which an update knows what to look at again.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"
#include "levels.cuh"
#include "bounds.cuh"
#include "packed.cuh"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int TILES_RESIDENT = TILE_BLOCKS / 2;  // of 1024 threads at most
#else
constexpr int TILES_RESIDENT = TILE_BLOCKS;
#endif

// Append the edges of a warp's tile that are in `set`, one lane each.
__device__ __forceinline__ void append(unsigned set, edge_t mine, edge_t* list, int room, int* used) {
    if (!set) return;
    int base = 0;
    if (lane_id() == 0) base = atomicAdd(used, __popc(set));
    base = __shfl_sync(ALL_LANES, base, 0);
    const int at = base + __popc(set & lanes_below(lane_id()));
    if (set >> lane_id() & 1u && at < room) list[at] = mine;
}

// The levels of a window and their rows; see levels.cuh.
struct Levels {
    const unsigned *levels, *rows;
    int stride;
};

// Classify the edges not longer than min(r_enc, longest).
//
// A warp takes an edge after another from a to WARP vertices b; grid (tiles of b, rows a / warps,
// windows). bits (windows, n, n); r_enc (windows,); rng (windows, rng_room) and open (windows,
// open_room), unordered; counts (windows, COUNTS), zero before. first (windows, n, n) gets a code
// of each edge that is not listed as open, and with NOTED second, too; without, a hub that misses
// some vertices will do if these are attached to the others.
template <bool NOTED, int WORDS>
__device__ __forceinline__ void classify(const unsigned* bits, const unsigned* r_enc,
                                         unsigned longest, int n, Levels of, edge_t* rng,
                                         int rng_room, edge_t* open, int open_room, int* counts,
                                         code_t* first, code_t* second) {
    const int lane = lane_id(), window = blockIdx.z;
    const int a = blockIdx.y * warps_per_block() + warp_id(), first_b = WARP * blockIdx.x;
    if (a >= n || first_b >= a) return;
    bits += (size_t)window * n * n;
    counts += window * COUNTS;
    const int my_b = first_b + lane;
    const bool is_edge = my_b < a;
    const unsigned my_length = is_edge ? bits[(size_t)a * n + my_b] : NO_LENGTH;
    const unsigned limit = min(r_enc[window], longest);
    const unsigned edges = __ballot_sync(ALL_LANES, is_edge);
    const unsigned live = __ballot_sync(ALL_LANES, is_edge && my_length <= limit);
    if (lane == 0 && edges != live) atomicAdd(&counts[N_LONG], __popc(edges & ~live));
    if (!live) return;
    const int my_level = level_of(of.levels + window * LEVELS, my_length);

    const unsigned* rows = of.rows + (size_t)window * n * LEVELS * of.stride;
    Bounds<WORDS> lune(bits, rows, of.stride, n, a, my_length);
    int my_first = empty_code(n), my_second = my_first;
    unsigned empty = 0, unsettled = 0;
    for (unsigned rest = live; rest; rest &= rest - 1) {
        const int e = __ffs(rest) - 1;
        const int level = __shfl_sync(ALL_LANES, my_level, e);
        lune.enter(first_b + e, level);
        int hub = lune.template central<NOTED ? NOTED_ROUNDS : TILE_ROUNDS>(lune.inner);
        if (hub == n && lune.is_made_exact()) hub = lune.template central<1>(lune.inner);
        if (hub == n) {
            empty |= 1u << e;
            continue;
        }
        unsigned missed[WORDS];
        int one = hub, other = hub;
        if (lune.misses(missed, hub)) {
            if (NOTED) {
                if (lune.template checked<true>(missed, hub)) other = lune.second_hub(missed);
            } else if (lune.attaches(missed, hub)) {
                one = n + hub;
            } else {
                other = n;
            }
            if (other == n) {
                unsettled |= 1u << e;
                continue;
            }
        }
        if (lane == e) my_first = one, my_second = other;
    }
    const bool is_settled = (live & ~unsettled) >> lane & 1u;
    const size_t at = ((size_t)window * n + a) * n + my_b;
    if (is_settled) first[at] = (code_t)my_first;
    if (NOTED && is_settled) second[at] = (code_t)my_second;
    const edge_t mine = edge_key(my_length, a, my_b);
    append(empty, mine, rng + (size_t)window * rng_room, rng_room, &counts[N_RNG]);
    append(unsettled, mine, open + (size_t)window * open_room, open_room, &counts[N_OPEN]);
}

// As many words of a lane as n asks for, in registers where they are few.
template <bool NOTED>
__device__ __forceinline__ void classify_tile(const unsigned* bits, const unsigned* r_enc,
                                              unsigned longest, int n, Levels of, edge_t* rng,
                                              int rng_room, edge_t* open, int open_room,
                                              int* counts, code_t* first, code_t* second) {
    if (n <= CHUNK)
        classify<NOTED, 1>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room, counts,
                           first, second);
    else if (n <= 2 * CHUNK)
        classify<NOTED, 2>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room, counts,
                           first, second);
    else
        classify<NOTED, MOST_WORDS>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room,
                                    counts, first, second);
}

extern "C" __global__ void __launch_bounds__(TILE_WARPS * WARP, TILES_RESIDENT)
    lune_tiles(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n,
               const unsigned* levels, const unsigned* rows, int stride, edge_t* rng, int rng_room,
               edge_t* open, int open_room, int* counts, code_t* first) {
    classify_tile<false>(bits, r_enc, longest, n, {levels, rows, stride}, rng, rng_room, open,
                         open_room, counts, first, nullptr);
}

extern "C" __global__ void __launch_bounds__(TILE_WARPS * WARP, TILES_RESIDENT)
    noted_tiles(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n,
                const unsigned* levels, const unsigned* rows, int stride, edge_t* rng, int rng_room,
                edge_t* open, int open_room, int* counts, code_t* first, code_t* second) {
    classify_tile<true>(bits, r_enc, longest, n, {levels, rows, stride}, rng, rng_room, open,
                        open_room, counts, first, second);
}

// Classify the edges of a row, WARP / LANES at a time.
template <int LANES>
__device__ __forceinline__ void classify_packed(const unsigned* bits, const unsigned* r_enc,
                                                unsigned longest, int n, Levels of, edge_t* rng,
                                                int rng_room, edge_t* open, int open_room,
                                                int* counts, code_t* first) {
    constexpr int AT_ONCE = WARP / LANES;
    const int lane = lane_id(), window = blockIdx.z;
    const int a = blockIdx.y * warps_per_block() + warp_id();
    if (a >= n) return;
    bits += (size_t)window * n * n;
    first += ((size_t)window * n + a) * n;
    counts += window * COUNTS;
    of.levels += window * LEVELS;
    rng += (size_t)window * rng_room;
    open += (size_t)window * open_room;
    const unsigned limit = min(r_enc[window], longest);
    PackedBounds<LANES> lune(bits, of.rows + (size_t)window * n * LEVELS * of.stride, n, a);
    int n_long = 0;
    for (int first_b = WARP * blockIdx.x; first_b < a; first_b += WARP * gridDim.x) {
        const int my_b = first_b + lane;
        const bool is_edge = my_b < a;
        const unsigned my_length = is_edge ? lune.to_a(my_b) : NO_LENGTH;
        const bool is_live = is_edge && my_length <= limit;
        const unsigned live = __ballot_sync(ALL_LANES, is_live);
        n_long += min(WARP, a - first_b) - __popc(live);
        if (!live) continue;
        const int my_level = level_of(of.levels, my_length);
        int my_code = empty_code(n);
#pragma unroll 1
        for (int begin = 0; begin < WARP; begin += AT_ONCE) {
            const unsigned here = live & (ALL_LANES >> (WARP - AT_ONCE)) << begin;
            if (!here) continue;
            int e = begin + lane / LANES;
            if (!(here >> e & 1u)) e = __ffs(here) - 1;  // what another group has looked at
            const int code = lune.code_of(first_b + e, __shfl_sync(ALL_LANES, my_level, e),
                                          (int)__shfl_sync(ALL_LANES, my_length, e));
            const int told = __shfl_sync(ALL_LANES, code, lane % AT_ONCE * LANES);
            if (lane / AT_ONCE == begin / AT_ONCE) my_code = told;
        }
        const bool is_open = my_code == marked_code(n);
        if (is_live && !is_open) first[my_b] = (code_t)my_code;
        const edge_t mine = edge_key(my_length, a, my_b);
        append(__ballot_sync(ALL_LANES, is_live && my_code == empty_code(n)), mine, rng, rng_room,
               &counts[N_RNG]);
        append(__ballot_sync(ALL_LANES, is_live && is_open), mine, open, open_room, &counts[N_OPEN]);
    }
    if (lane == 0 && n_long) atomicAdd(&counts[N_LONG], n_long);
}

// The same as lune_tiles, for rows of 4, 8 or 16 words.
//
// A warp takes a row a, and every gridDim.x-th of its tiles of WARP vertices b; grid (any, rows a /
// warps, windows).
extern "C" __global__ void __launch_bounds__(TILE_WARPS * WARP, PACKED_BLOCKS)
    packed_tiles(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n,
                 const unsigned* levels, const unsigned* rows, int stride, edge_t* rng,
                 int rng_room, edge_t* open, int open_room, int* counts, code_t* first) {
    const Levels of{levels, rows, stride};
    if (stride == 4)
        classify_packed<1>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room, counts,
                           first);
    else if (stride == 8)
        classify_packed<2>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room, counts,
                           first);
    else
        classify_packed<4>(bits, r_enc, longest, n, of, rng, rng_room, open, open_room, counts,
                           first);
}

// Write the vertices of a mask in ascending order.
__device__ __forceinline__ void write_vertices(const unsigned* mask, int n, unsigned short* out) {
    const int lane = lane_id();
    int used = 0;
    for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
        const unsigned mine = mask[chunk * WARP + lane];
        for (int word = 0; word < words_of(chunk, n); ++word) {
            const unsigned here = __ballot_sync(ALL_LANES, mine >> word & 1u);
            if (here >> lane & 1u)
                out[used + __popc(here & lanes_below(lane))] =
                    (unsigned short)vertex_at(chunk, word, lane);
            used += __popc(here);
        }
    }
}

// Mark the lowest vertex of each component of a lune in `reps`, which is what is left of a flood
// that did not reach `remaining`; return their number. All (chunks, 32).
__device__ __forceinline__ int components(const unsigned* bits, const unsigned* lune,
                                          unsigned* remaining, unsigned* frontier, unsigned* reps,
                                          int a, int k, int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (int chunk = 0; chunk < chunks; ++chunk)
        reps[chunk * WARP + lane] = lune[chunk * WARP + lane] & ~remaining[chunk * WARP + lane];
    const int lowest = lowest_of(reps, n);
    for (int chunk = 0; chunk < chunks; ++chunk) {
        const bool is_here = chunk == lowest / CHUNK && lane == lowest % WARP;
        reps[chunk * WARP + lane] = is_here ? 1u << lowest % CHUNK / WARP : 0u;
    }
    for (int count = 2;; ++count) {
        const int first = lowest_of(remaining, n);
        const int at = first / CHUNK * WARP + lane;
        const unsigned bit = first % WARP == lane ? 1u << first % CHUNK / WARP : 0u;
        for (int chunk = 0; chunk < chunks; ++chunk) frontier[chunk * WARP + lane] = 0;
        frontier[at] = bit;
        reps[at] |= bit;
        remaining[at] ^= bit;
        bool rest = false;
        for (int chunk = 0; chunk < chunks; ++chunk) rest |= remaining[chunk * WARP + lane] != 0;
        if (!__any_sync(ALL_LANES, rest)) return count;
        if (flood(bits, remaining, frontier, a, k, n)) return count;
    }
}

// The lists of one window that a kernel appends split edges to: splits (split_room), spans
// (split_room, 2): where in reps (reps_room) the vertices of an edge start, and how many there are.
struct SplitLists {
    edge_t* splits;
    int* spans;
    int split_room;
    unsigned short* reps;
    int reps_room;
    int* counts;

    __device__ __forceinline__ SplitLists(edge_t* splits, int* spans, int split_room,
                                          unsigned short* reps, int reps_room, int* counts,
                                          int window)
        : splits(splits + (size_t)window * split_room),
          spans(spans + (size_t)window * split_room * 2),
          split_room(split_room),
          reps(reps + (size_t)window * reps_room),
          reps_room(reps_room),
          counts(counts + window * COUNTS) {}

    // Append an edge; return where its vertices are to be written, nowhere if there is no room.
    __device__ __forceinline__ unsigned short* append(edge_t key, int count) {
        int slot = 0, first = 0;
        if (lane_id() == 0) {
            slot = atomicAdd(&counts[N_SPLIT], 1);
            first = atomicAdd(&counts[N_REPS], count);
        }
        slot = __shfl_sync(ALL_LANES, slot, 0);
        first = __shfl_sync(ALL_LANES, first, 0);
        if (slot >= split_room || first + count > reps_room) return nullptr;
        if (lane_id() == 0) {
            splits[slot] = key;
            spans[2 * slot] = first;
            spans[2 * slot + 1] = count;
        }
        return reps + first;
    }
};

template <int WORDS>
__device__ __forceinline__ void flood_listed(const unsigned* bits, int n, Levels of,
                                             const edge_t* open, int open_room, SplitLists lists,
                                             code_t* first) {
    const int window = blockIdx.y, n_open = min(lists.counts[N_OPEN], open_room);
    bits += (size_t)window * n * n;
    first += (size_t)window * n * n;
    open += (size_t)window * open_room;
    of.levels += window * LEVELS;
    of.rows += (size_t)window * n * LEVELS * of.stride;
    const int n_warps = gridDim.x * warps_per_block();
    for (int at = blockIdx.x * warps_per_block() + warp_id(); at < n_open; at += n_warps) {
        const edge_t key = open[at];
        const int a = larger_vertex(key), b = smaller_vertex(key), k = key_length(key);
        Bounds<WORDS> lune(bits, of.rows, of.stride, n, a, k);
        lune.enter(b, level_of(of.levels, k));
        lune.is_made_exact();
        const int start = lune.template central<HUB_ROUNDS>(lune.inner);
        note(first, nullptr, a, b, n, n + start, 0);
        if (lune.flood(lune.inner, start)) continue;
        unsigned firsts[WORDS] = {};
        lune.put(firsts, start);
        int count = 1;
        bool is_last = false;
        for (; !is_last; ++count) {
            const int v = lune.template central<HUB_ROUNDS>(lune.inner);
            lune.put(firsts, v);
            is_last = lune.flood(lune.inner, v);
        }
        if (unsigned short* out = lists.append(key, count)) lune.write(firsts, out);
    }
}

// Flood the lunes of listed edges; keep the split edges and a central vertex of each component.
//
// A warp an edge, warps stride over the list; grid (any, windows). open (windows, open_room),
// counts[N_OPEN] of them, none with an empty lune; levels, rows, stride: see levels.cuh; first
// (windows, n, n) gets their codes; see SplitLists.
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP, TILES_RESIDENT)
    lune_components(const unsigned* bits, int n, const unsigned* levels, const unsigned* rows,
                    int stride, const edge_t* open, int open_room, edge_t* splits, int* spans,
                    int split_room, unsigned short* reps, int reps_room, int* counts,
                    code_t* first) {
    const SplitLists lists(splits, spans, split_room, reps, reps_room, counts, blockIdx.y);
    const Levels of{levels, rows, stride};
    if (n <= CHUNK)
        flood_listed<1>(bits, n, of, open, open_room, lists, first);
    else if (n <= 2 * CHUNK)
        flood_listed<2>(bits, n, of, open, open_room, lists, first);
    else
        flood_listed<MOST_WORDS>(bits, n, of, open, open_room, lists, first);
}

// Look at listed edges, whatever their lunes are, and note why each is as it is.
//
// As above; enclosing (windows,): pattern of the enclosing radius << 32 | its centre, which is a
// hub of every longer edge; rng (windows, rng_room), appended to; first, second (windows, n, n).
// Where more edges are listed than the window's budget (windows,), nothing is done but that
// counts[N_REPS] is past any room, so that no relation is made of lists and codes not whole.
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP)
    noted_components(const unsigned* bits, int n, const edge_t* open, int open_room,
                     const unsigned long long* enclosing, edge_t* rng, int rng_room, edge_t* splits,
                     int* spans, int split_room, unsigned short* reps, int reps_room,
                     code_t* first, code_t* second, const int* budget, int* counts) {
    unsigned* masks = dynamic_words();
    const int lane = lane_id(), chunks = chunks_of(n), window = blockIdx.y;
    unsigned* lune = masks + (size_t)warp_id() * 4 * chunks * WARP;
    unsigned* remaining = lune + chunks * WARP;
    unsigned* frontier = remaining + chunks * WARP;
    unsigned* firsts = frontier + chunks * WARP;
    SplitLists lists(splits, spans, split_room, reps, reps_room, counts, window);
    bits += (size_t)window * n * n;
    first += (size_t)window * n * n;
    second += (size_t)window * n * n;
    open += (size_t)window * open_room;
    rng += (size_t)window * rng_room;
    if (lists.counts[N_OPEN] > budget[window]) {
        if (blockIdx.x == 0 && threadIdx.x == 0) lists.counts[N_REPS] = NO_LENGTH;
        return;
    }
    const int r_enc = (int)(enclosing[window] >> 32), centre = (int)(enclosing[window] & 0xffff);
    const int n_open = min(lists.counts[N_OPEN], open_room);
    const int n_warps = gridDim.x * warps_per_block();
    for (int at = blockIdx.x * warps_per_block() + warp_id(); at < n_open; at += n_warps) {
        const edge_t key = open[at];
        const int a = larger_vertex(key), b = smaller_vertex(key), k = key_length(key);
        if (k > r_enc) {
            note(first, second, a, b, n, centre, centre);
            continue;
        }
        const unsigned* row_a = bits + (size_t)a * n;
        const unsigned* row_b = bits + (size_t)b * n;
        enter_lune(lune, row_a, row_b, a, b, k, n);
        const int start = central_vertex<HUB_ROUNDS>(lune + lane, WARP, row_a, row_b, n);
        if (start == n) {
            append(1u, key, rng, rng_room, &lists.counts[N_RNG]);
            note(first, second, a, b, n, empty_code(n), empty_code(n));
            continue;
        }
        int hub = start, other = start;
        if (two_hubs(bits, lune + lane, WARP, remaining, frontier, row_a, row_b, hub, other, HUB_TRIES,
                     a, k, n)) {
            note(first, second, a, b, n, hub, other);
            continue;
        }
        if (!misses_some(bits, lune + lane, WARP, remaining, start, a, k, n) ||
            far_is_attached(bits, lune + lane, WARP, remaining, a, k, n) ||
            is_connected(bits, lune, remaining, frontier, start, a, k, n)) {
            note(first, second, a, b, n, n + start, loose_code(n));
            continue;
        }
        note(first, second, a, b, n, n + start, split_code(n));
        const int count = components(bits, lune, remaining, frontier, firsts, a, k, n);
        if (unsigned short* out = lists.append(key, count)) write_vertices(firsts, n, out);
    }
}
