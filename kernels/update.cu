// Updates in place: what a change of points makes doubtful is listed, all else stays as it is.
//
// Rules and proof: docs/engine.md, "An update is local". Points that leave are asked of the old
// distances, points that come of the new rows; only then are the rows written.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"

// What a slot is between two diagrams: without a point, with the same as before, with a new one.
constexpr int FREE = 0, STAYS = 1, COMES = 2;

// enclosing (windows,), all ones before: the least row maximum << 32 | its slot, of slots with a
// point. A warp a row; grid (rows, windows). holds (windows, n): FREE where there is no point.
extern "C" __global__ void enclosing_slot(
    const unsigned* bits, const unsigned char* holds, unsigned long long* enclosing, int n) {
    const int a = blockIdx.x * warps_per_block() + warp_id();
    holds += (size_t)blockIdx.y * n;
    if (a >= n || holds[a] == FREE) return;
    const unsigned* row = bits + ((size_t)blockIdx.y * n + a) * n;
    unsigned farthest = 0;
    for (int b = lane_id(); b < n; b += WARP)
        if (holds[b] != FREE) farthest = max(farthest, row[b]);
    farthest = warp_max(farthest);
    if (lane_id() == 0)
        atomicMin(&enclosing[blockIdx.y], (unsigned long long)farthest << 32 | (unsigned)a);
}

// Append a lane's edge to a list where `wanted`; all lanes of a warp take part.
__device__ __forceinline__ void append_voted(
    bool wanted, edge_t mine, edge_t* list, int room, int* used) {
    const unsigned votes = __ballot_sync(ALL_LANES, wanted);
    if (!votes) return;
    int base = 0;
    if (lane_id() == 0) base = atomicAdd(used, __popc(votes));
    base = __shfl_sync(ALL_LANES, base, 0);
    const int at = base + __popc(votes & lanes_below(lane_id()));
    if (wanted && at < room) list[at] = mine;
}

// Tell whether a change may leave edge ab, of points that stay, with other components.
//
// h, g: its codes. gone (n_gone): slots whose point leaves; leaves (n): whether a slot's does.
// come (n_come), rows (n_come, n): slots of new points, and their distances to the others.
__device__ __forceinline__ bool is_doubtful(const unsigned* bits, int n, int a, int b, int k, int h,
                                            int g, const int* gone, int n_gone,
                                            const unsigned char* leaves, const int* come,
                                            const unsigned* rows, int n_come) {
    const bool has_hubs = h < n;
    if (has_hubs && (leaves[h] || leaves[g])) return true;
    if (!has_hubs && h != empty_code(n))
        for (int i = 0; i < n_gone && gone[i] >= 0; ++i) {
            const unsigned* row = bits + (size_t)gone[i] * n;
            if (in_lune((int)row[a], (int)row[b], gone[i], a, b, k)) return true;
        }
    for (int i = 0; i < n_come && come[i] >= 0; ++i) {
        const unsigned* row = rows + (size_t)i * n;
        const int x = come[i];
        if (!in_lune((int)row[a], (int)row[b], x, a, b, k)) continue;
        if (!has_hubs) return true;
        if (!joined((int)row[h], x, h, a, k) && !joined((int)row[g], x, g, a, k)) return true;
    }
    return false;
}

// List the edges to be looked at: those of new points, and those whose certificate may not hold.
//
// A thread an edge; grid (blocks of b, rows a, windows). bits, first, second (windows, n, n), as
// before the change, listed edges of points that stay get the marked code; holds, leaves (windows,
// n); gone (windows, n_gone) and come (windows, n_come), ended by -1; rows
// (windows, n_come, n); open (windows, open_room) and counts[N_OPEN], zero before.
extern "C" __global__ void mark_edges(const unsigned* bits, code_t* first, const code_t* second,
                                      int n, unsigned longest, const unsigned char* holds,
                                      const unsigned char* leaves, const int* gone, int n_gone,
                                      const int* come, const unsigned* rows, int n_come,
                                      edge_t* open, int open_room, int* counts) {
    const int window = blockIdx.z, a = blockIdx.y, b = blockIdx.x * blockDim.x + threadIdx.x;
    const size_t matrix = (size_t)window * n * n;
    holds += (size_t)window * n;
    leaves += (size_t)window * n;
    gone += (size_t)window * n_gone;
    come += (size_t)window * n_come;
    rows += (size_t)window * n_come * n;
    if (holds[a] == FREE || blockIdx.x * blockDim.x >= a) return;
    bool wanted = false;
    unsigned length = 0;
    if (b < a && holds[b] != FREE) {
        const size_t at = matrix + (size_t)a * n + b;
        if (holds[a] == COMES || holds[b] == COMES) {
            const int x = holds[a] == COMES ? a : b;
            int i = 0;
            while (come[i] != x) ++i;
            length = rows[(size_t)i * n + (x == a ? b : a)];
            wanted = length <= longest;
        } else {
            length = bits[at];
            wanted = length <= longest &&
                     is_doubtful(bits + matrix, n, a, b, (int)length, first[at], second[at], gone,
                                 n_gone, leaves, come, rows, n_come);
            if (wanted) first[at] = (code_t)marked_code(n);
        }
    }
    append_voted(wanted, edge_key(length, a, b), open + (size_t)window * open_room, open_room,
                 &counts[window * COUNTS + N_OPEN]);
}

// Keep what was known of edges whose ends stay and which were not marked.
//
// A thread an edge of a list, grid (blocks, windows). rng, splits, spans, reps as in lune.cu, of
// before and from now on; old_counts tells how many there were, counts grow.
extern "C" __global__ void keep_edges(const code_t* first, int n, const unsigned char* holds,
                                      const edge_t* old_rng, int old_rng_room, edge_t* rng,
                                      int rng_room, const edge_t* old_splits, const int* old_spans,
                                      int old_split_room, edge_t* splits, int* spans,
                                      int split_room, const unsigned short* old_reps,
                                      int old_reps_room, unsigned short* reps, int reps_room,
                                      const int* old_counts, int* counts) {
    const int window = blockIdx.y, at = blockIdx.x * blockDim.x + threadIdx.x;
    first += (size_t)window * n * n;
    holds += (size_t)window * n;
    old_counts += window * COUNTS;
    counts += window * COUNTS;
    rng += (size_t)window * rng_room;
    splits += (size_t)window * split_room;
    spans += (size_t)window * split_room * 2;
    reps += (size_t)window * reps_room;
    const size_t old_split = (size_t)window * old_split_room + at;
    edge_t key = 0;
    bool kept = false;
    if (at < old_counts[N_RNG]) {
        key = old_rng[(size_t)window * old_rng_room + at];
        const int a = larger_vertex(key), b = smaller_vertex(key);
        kept = holds[a] == STAYS && holds[b] == STAYS && first[(size_t)a * n + b] != marked_code(n);
    }
    append_voted(kept, key, rng, rng_room, &counts[N_RNG]);
    if (at >= old_counts[N_SPLIT]) return;
    key = old_splits[old_split];
    const int a = larger_vertex(key), b = smaller_vertex(key);
    if (holds[a] != STAYS || holds[b] != STAYS || first[(size_t)a * n + b] == marked_code(n)) return;
    const int from = old_spans[2 * old_split], count = old_spans[2 * old_split + 1];
    const int slot = atomicAdd(&counts[N_SPLIT], 1), to = atomicAdd(&counts[N_REPS], count);
    splits[slot] = key;
    spans[2 * slot] = to;
    spans[2 * slot + 1] = count;
    old_reps += (size_t)window * old_reps_room + from;
    for (int i = 0; i < count; ++i) reps[to + i] = old_reps[i];
}

// Write the rows of new points into the matrix, and the last length for slots that are free now.
//
// A thread an entry; grid (blocks of v, n_come + n_freed, windows). rows (windows, n_come, n) have
// the last length where there is no point; freed (windows, n_freed), ended by -1 as above.
extern "C" __global__ void commit_rows(unsigned* bits, int n, const int* come, const unsigned* rows,
                                       int n_come, const int* freed, int n_freed, unsigned none) {
    const int window = blockIdx.z, i = blockIdx.y, v = blockIdx.x * blockDim.x + threadIdx.x;
    if (v >= n) return;
    bits += (size_t)window * n * n;
    const bool comes = i < n_come;
    const int slot = comes ? come[(size_t)window * n_come + i]
                           : freed[(size_t)window * n_freed + i - n_come];
    if (slot < 0) return;
    const unsigned length = comes ? rows[((size_t)window * n_come + i) * n + v] : none;
    bits[(size_t)slot * n + v] = length;
    bits[(size_t)v * n + slot] = length;
}
