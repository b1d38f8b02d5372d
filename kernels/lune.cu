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

// The rows of a tile's edges, from a lane's first vertex of a chunk on.
struct TileRows {
    const unsigned *a[TILE], *b[TILE];
};

// Words of vertices for all edges of a tile, all of them below or above its ends: TIES_A says
// whether a tie with an edge to a goes first, TIES_B the same for b.
template <bool TIES_A, bool TIES_B>
__device__ __forceinline__ void enter_words(unsigned (&mask)[TILE * TILE],
                                            const int (&k)[TILE * TILE], const TileRows& rows,
                                            int word, int end) {
#pragma unroll 2
    for (; word < end; ++word) {
        int av[TILE], bv[TILE];
#pragma unroll
        for (int i = 0; i < TILE; ++i) {
            av[i] = (int)rows.a[i][word * WARP];
            bv[i] = (int)rows.b[i][word * WARP];
        }
        const unsigned bit = 1u << word;
#pragma unroll
        for (int e = 0; e < TILE * TILE; ++e) {
            const int length = k[e], to_a = av[e / TILE], to_b = bv[e % TILE];
            const bool near_a = TIES_A ? to_a <= length : to_a < length;
            const bool near_b = TIES_B ? to_b <= length : to_b < length;
            if (near_a && near_b) mask[e] |= bit;
        }
    }
}

// One word that holds ends of the edges, or vertices beyond n: what goes first differs by lane.
__device__ __forceinline__ void enter_rim(unsigned (&mask)[TILE * TILE], const int (&k)[TILE * TILE],
                                          const TileRows& rows, int word, int v, int n, int first_a,
                                          int first_b) {
    int av[TILE], bv[TILE];
#pragma unroll
    for (int i = 0; i < TILE; ++i) {
        av[i] = v < n ? (int)rows.a[i][word * WARP] : NO_LENGTH;
        bv[i] = v < n ? (int)rows.b[i][word * WARP] : NO_LENGTH;
    }
#pragma unroll
    for (int e = 0; e < TILE * TILE; ++e)
        if (in_lune(av[e / TILE], bv[e % TILE], v, first_a + e / TILE, first_b + e % TILE, k[e]))
            mask[e] |= 1u << word;
}

// The lunes of a tile's edges among the vertices of a chunk. first_b <= first_a, both multiples of
// TILE, so that the ends of one side are in one word.
__device__ __forceinline__ void enter_chunk(unsigned (&mask)[TILE * TILE],
                                            const int (&k)[TILE * TILE], const unsigned* rows_a,
                                            const unsigned* rows_b, int chunk, int n, int first_a,
                                            int first_b, int last_a, int last_b) {
    TileRows rows;
#pragma unroll
    for (int i = 0; i < TILE; ++i) {
        rows.a[i] = rows_a + (size_t)min(i, last_a) * n + chunk * CHUNK + lane_id();
        rows.b[i] = rows_b + (size_t)min(i, last_b) * n + chunk * CHUNK + lane_id();
    }
    const int words = words_of(chunk, n), inside = min(words, (n - chunk * CHUNK) / WARP);
    const int rim_a = first_a / WARP - chunk * WARP, rim_b = first_b / WARP - chunk * WARP;
    const int to_a = min(max(rim_a, 0), inside), to_b = min(max(rim_b, 0), inside);
    enter_words<true, true>(mask, k, rows, 0, to_b);
    enter_words<false, true>(mask, k, rows, min(max(rim_b + 1, 0), inside), to_a);
    enter_words<false, false>(mask, k, rows, min(max(rim_a + 1, 0), inside), inside);
    const int rims[] = {rim_b, rim_a, inside};
#pragma unroll
    for (int i = 0; i < 3; ++i) {
        const int word = rims[i];
        const bool is_new = i == 0 || (word != rim_b && (i == 1 || word != rim_a));
        if (is_new && word >= 0 && word < words)
            enter_rim(mask, k, rows, word, vertex_at(chunk, word, lane_id()), n, first_a, first_b);
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
        enter_chunk(found, k, rows_a, rows_b, chunk, n, first_a, first_b, last_a, last_b);
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
        lists.append(key, firsts, components(bits, lune, remaining, frontier, firsts, a, k, n), n);
    }
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
        lists.append(key, firsts, components(bits, lune, remaining, frontier, firsts, a, k, n), n);
    }
}
