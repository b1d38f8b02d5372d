// K3: what every edge does, by the components of its lune.
//
// lune_tiles sees every edge once: empty lunes are RNG edges, a hub ends most others, the rest is
// listed. lune_components floods the lunes of the list and finds the split edges. The noted
// kernels do the same and write certificates, by which an update knows what to look at again.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"

// Append the edges of a warp's tile that are in `set`, one lane each.
__device__ __forceinline__ void append(unsigned set, edge_t mine, edge_t* list, int room, int* used) {
    if (!set) return;
    int base = 0;
    if (lane_id() == 0) base = atomicAdd(used, __popc(set));
    base = __shfl_sync(ALL_LANES, base, 0);
    const int at = base + __popc(set & lanes_below(lane_id()));
    if (set >> lane_id() & 1u && at < room) list[at] = mine;
}

// One word of vertices for all edges of a tile. RIM: the word holds ends of them, so whether a tie
// goes first differs from edge to edge and from lane to lane.
template <bool RIM>
__device__ __forceinline__ void enter_word(
    unsigned (&mask)[TILE * TILE], const int (&k)[TILE * TILE], const unsigned* rows_a,
    const unsigned* rows_b, size_t n, int v, int word, int first_a, int first_b, int last_a,
    int last_b) {
    const bool inside = v < (int)n;
    int av[TILE], bv[TILE];
#pragma unroll
    for (int i = 0; i < TILE; ++i) {
        av[i] = inside ? (int)rows_a[min(i, last_a) * n + v] : NO_LENGTH;
        bv[i] = inside ? (int)rows_b[min(i, last_b) * n + v] : NO_LENGTH;
        if (!RIM) {
            av[i] -= v < first_b;
            bv[i] -= v < first_a;
        }
    }
#pragma unroll
    for (int i = 0; i < TILE; ++i)
#pragma unroll
        for (int j = 0; j < TILE; ++j) {
            const int length = k[i * TILE + j];
            const bool enters = RIM ? in_lune(av[i], bv[j], v, first_a + i, first_b + j, length)
                                    : av[i] < length && bv[j] < length;
            if (enters) mask[i * TILE + j] |= 1u << word;
        }
}

// Classify the edges not longer than min(r_enc, longest).
//
// A warp takes TILE rows a and TILE rows b; grid (tiles of b / warps, tiles of a, windows).
// bits (windows, n, n); r_enc (windows,); rng (windows, rng_room) and open (windows, open_room),
// unordered; counts (windows, COUNTS), zero before. Shared: (warps, chunks, TILE * TILE + 2, 32).
// first (windows, n, n) gets a code of each edge that is not listed as open, and with NOTED second,
// too; without, a hub that misses some vertices will do if these are attached to the others.
template <bool NOTED>
__device__ __forceinline__ void classify_tile(
    const unsigned* bits, const unsigned* r_enc, unsigned longest, int n, edge_t* rng, int rng_room,
    edge_t* open, int open_room, int* counts, code_t* first, code_t* second) {
    unsigned* masks = dynamic_words();
    const int lane = lane_id(), chunks = chunks_of(n), stride = TILE * TILE * WARP;
    const int first_a = TILE * blockIdx.y;
    const int first_b = TILE * (blockIdx.x * warps_per_block() + warp_id());
    if (first_b > first_a) return;
    bits += (size_t)blockIdx.z * n * n;
    counts += blockIdx.z * COUNTS;
    first += (size_t)blockIdx.z * n * n;
    if (NOTED) second += (size_t)blockIdx.z * n * n;
    unsigned* far = masks + (size_t)warp_id() * chunks * (stride + 2 * WARP);
    unsigned* common = far + chunks * WARP;
    unsigned* mask = common + chunks * WARP + lane;
    const unsigned limit = min(r_enc[blockIdx.z], longest);
    const int last_a = min(TILE, n - first_a) - 1, last_b = min(TILE, n - first_b) - 1;
    const unsigned* rows_a = bits + (size_t)first_a * n;
    const unsigned* rows_b = bits + (size_t)first_b * n;

    // Lane i * TILE + j holds the edge of row a = first_a + i and b = first_b + j.
    const int my_i = lane / TILE, my_j = lane % TILE, my_a = first_a + my_i, my_b = first_b + my_j;
    const bool is_edge = lane < TILE * TILE && my_a < n && my_b < my_a;
    const unsigned my_length = is_edge ? rows_a[(size_t)my_i * n + my_b] : 0u;
    const unsigned edges = __ballot_sync(ALL_LANES, is_edge);
    const unsigned live = __ballot_sync(ALL_LANES, is_edge && my_length <= limit);
    if (lane == 0 && edges != live) atomicAdd(&counts[N_LONG], __popc(edges & ~live));
    if (!live) return;
    int k[TILE * TILE];
#pragma unroll
    for (int e = 0; e < TILE * TILE; ++e) k[e] = __shfl_sync(ALL_LANES, (int)my_length, e);

    for (int chunk = 0; chunk < chunks; ++chunk) {
        unsigned found[TILE * TILE] = {};
        const int words = words_of(chunk, n);
        for (int word = 0; word < words; ++word) {
            const int v = vertex_at(chunk, word, lane), here = v / WARP;
            if (here == first_a / WARP || here == first_b / WARP)
                enter_word<true>(found, k, rows_a, rows_b, n, v, word, first_a, first_b, last_a,
                                 last_b);
            else
                enter_word<false>(found, k, rows_a, rows_b, n, v, word, first_a, first_b, last_a,
                                  last_b);
        }
#pragma unroll
        for (int e = 0; e < TILE * TILE; ++e) mask[chunk * stride + e * WARP] = found[e];
    }

    unsigned empty = 0, unsettled = 0;
    for (unsigned rest = live; rest; rest &= rest - 1) {
        const int e = __ffs(rest) - 1, a = first_a + e / TILE;
        const int length = __shfl_sync(ALL_LANES, (int)my_length, e);
        const int b = first_b + e % TILE;
        const unsigned* lune = mask + e * WARP;
        const unsigned* row_a = rows_a + (size_t)(e / TILE) * n;
        const unsigned* row_b = rows_b + (size_t)(e % TILE) * n;
        const int start = central_vertex<HUB_ROUNDS>(lune, stride, row_a, row_b, n);
        if (start == n) {
            empty |= 1u << e;
            note(first, second, a, b, n, empty_code(n), empty_code(n));
            continue;
        }
        int hub = start, other = start;
        if (NOTED ? two_hubs(bits, lune, stride, far, common, row_a, row_b, hub, other, 1, a,
                             length, n)
                  : !misses_some(bits, lune, stride, far, hub, a, length, n))
            note(first, second, a, b, n, hub, other);
        else if (!NOTED && far_is_attached(bits, lune, stride, far, a, length, n))
            note(first, second, a, b, n, n + start, loose_code(n));
        else
            unsettled |= 1u << e;
    }
    const edge_t mine = edge_key(my_length, my_a, my_b);
    append(empty, mine, rng + (size_t)blockIdx.z * rng_room, rng_room, &counts[N_RNG]);
    append(unsettled, mine, open + (size_t)blockIdx.z * open_room, open_room, &counts[N_OPEN]);
}

extern "C" __global__ void __launch_bounds__(TILE_WARPS * WARP, TILE_BLOCKS)
    lune_tiles(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n, edge_t* rng,
               int rng_room, edge_t* open, int open_room, int* counts, code_t* first) {
    classify_tile<false>(bits, r_enc, longest, n, rng, rng_room, open, open_room, counts, first,
                         nullptr);
}

extern "C" __global__ void __launch_bounds__(TILE_WARPS * WARP, TILE_BLOCKS)
    noted_tiles(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n, edge_t* rng,
                int rng_room, edge_t* open, int open_room, int* counts, code_t* first,
                code_t* second) {
    classify_tile<true>(bits, r_enc, longest, n, rng, rng_room, open, open_room, counts, first,
                        second);
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

// Mark the lowest vertex of each component of the lune in `reps`; return their number.
__device__ __forceinline__ int components(const unsigned* bits, unsigned* remaining,
                                          unsigned* frontier, unsigned* reps, int a, int k, int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (int count = 1;; ++count) {
        int first = n;
        for (int chunk = 0; chunk < chunks && first == n; ++chunk)
            first = (int)warp_min((unsigned)lowest_vertex(remaining[chunk * WARP + lane], chunk, n));
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

    __device__ __forceinline__ void append(edge_t key, const unsigned* firsts, int count, int n) {
        int slot = 0, first = 0;
        if (lane_id() == 0) {
            slot = atomicAdd(&counts[N_SPLIT], 1);
            first = atomicAdd(&counts[N_REPS], count);
        }
        slot = __shfl_sync(ALL_LANES, slot, 0);
        first = __shfl_sync(ALL_LANES, first, 0);
        if (slot >= split_room || first + count > reps_room) return;
        if (lane_id() == 0) {
            splits[slot] = key;
            spans[2 * slot] = first;
            spans[2 * slot + 1] = count;
        }
        write_vertices(firsts, n, reps + first);
    }
};

// Flood the lunes of listed edges; keep the split edges and the lowest vertex of each component.
//
// A warp an edge, warps stride over the list; grid (any, windows).
// open (windows, open_room), counts[N_OPEN] of them; first (windows, n, n) gets their codes; see
// SplitLists. Shared: (warps, 4, chunks, 32).
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP)
    lune_components(const unsigned* bits, int n, const edge_t* open, int open_room, edge_t* splits,
                    int* spans, int split_room, unsigned short* reps, int reps_room, int* counts,
                    code_t* first) {
    unsigned* masks = dynamic_words();
    const int lane = lane_id(), chunks = chunks_of(n), window = blockIdx.y;
    unsigned* lune = masks + (size_t)warp_id() * 4 * chunks * WARP;
    unsigned* remaining = lune + chunks * WARP;
    unsigned* frontier = remaining + chunks * WARP;
    unsigned* firsts = frontier + chunks * WARP;
    SplitLists lists(splits, spans, split_room, reps, reps_room, counts, window);
    bits += (size_t)window * n * n;
    first += (size_t)window * n * n;
    open += (size_t)window * open_room;
    const int n_open = min(lists.counts[N_OPEN], open_room);
    const int n_warps = gridDim.x * warps_per_block();
    for (int at = blockIdx.x * warps_per_block() + warp_id(); at < n_open; at += n_warps) {
        const edge_t key = open[at];
        const int a = larger_vertex(key), b = smaller_vertex(key), k = key_length(key);
        const unsigned* row_a = bits + (size_t)a * n;
        const unsigned* row_b = bits + (size_t)b * n;
        enter_lune(lune, row_a, row_b, a, b, k, n);
        const int start = central_vertex<HUB_ROUNDS>(lune + lane, WARP, row_a, row_b, n);
        note(first, nullptr, a, b, n, n + start, 0);
        if (is_connected(bits, lune, remaining, frontier, start, a, k, n)) continue;
        for (int chunk = 0; chunk < chunks; ++chunk) firsts[chunk * WARP + lane] = 0;
        lists.append(key, firsts, components(bits, lune, frontier, firsts, a, k, n), n);
    }
}

// Look at listed edges, whatever their lunes are, and note why each is as it is.
//
// As above; enclosing (windows,): pattern of the enclosing radius << 32 | its centre, which is a
// hub of every longer edge; rng (windows, rng_room), appended to; first, second (windows, n, n).
// Nothing is done where more than `budget` edges are listed.
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP)
    noted_components(const unsigned* bits, int n, const edge_t* open, int open_room,
                     const unsigned long long* enclosing, edge_t* rng, int rng_room, edge_t* splits,
                     int* spans, int split_room, unsigned short* reps, int reps_room,
                     code_t* first, code_t* second, int budget, int* counts) {
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
    if (lists.counts[N_OPEN] > budget) return;
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
        for (int chunk = 0; chunk < chunks; ++chunk) firsts[chunk * WARP + lane] = 0;
        lists.append(key, firsts, components(bits, lune, frontier, firsts, a, k, n), n);
    }
}
