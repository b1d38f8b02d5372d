// Is what was noted about each edge true? Every lune is entered anew.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"

__device__ __forceinline__ bool holds_vertex(const unsigned* mask, int v) {
    return mask[v / CHUNK * WARP + v % WARP] >> v % CHUNK / WARP & 1u;
}

// Tell whether each vertex of a lune is joined to one of two of them.
__device__ __forceinline__ bool all_joined(
    const unsigned* bits, const unsigned* lune, int h, int g, int a, int k, int n) {
    unsigned left = 0;
    for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
        unsigned mine = lune[chunk * WARP + lane_id()];
        mine &= ~joined_among(bits + (size_t)h * n, h, chunk, mine, a, k, n);
        left |= mine & ~joined_among(bits + (size_t)g * n, g, chunk, mine, a, k, n);
    }
    return !__any_sync(ALL_LANES, left != 0);
}

// Tell whether the codes of an edge are true. Masks: (3, chunks, 32), the first is its lune.
__device__ __forceinline__ bool is_true(
    const unsigned* bits, unsigned* masks, int h, int g, int a, int b, int k, int n) {
    const int size = chunks_of(n) * WARP;
    const int start = lowest_of(masks, n);
    if (h == empty_code(n)) return g == h && start == n;
    if (h > empty_code(n) || start == n) return false;
    if (h < n)
        return g < n && holds_vertex(masks, h) && holds_vertex(masks, g) &&
               (h == g || joined((int)bits[(size_t)h * n + g], h, g, a, k)) &&
               all_joined(bits, masks, h, g, a, k, n);
    if (!holds_vertex(masks, h - n)) return false;
    const bool connected = is_connected(bits, masks, masks + size, masks + 2 * size, start, a, k, n);
    return g == (connected ? loose_code(n) : split_code(n));
}

// wrong (windows,), all ones before: the first edge of which something false is noted.
//
// A block a row, its warps stride over the others; grid (rows, windows). As in update.cu.
// Shared: (warps, 3, chunks, 32).
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP)
    false_codes(const unsigned* bits, const code_t* first, const code_t* second, int n,
                unsigned longest, const unsigned char* holds, unsigned long long* wrong) {
    unsigned* shared = dynamic_words();
    const int a = blockIdx.x;
    unsigned* masks = shared + (size_t)warp_id() * 3 * chunks_of(n) * WARP;
    bits += (size_t)blockIdx.y * n * n;
    first += ((size_t)blockIdx.y * n + a) * n;
    second += ((size_t)blockIdx.y * n + a) * n;
    holds += (size_t)blockIdx.y * n;
    if (!holds[a]) return;
    const unsigned* row = bits + (size_t)a * n;
    for (int b = warp_id(); b < a; b += warps_per_block()) {
        if (!holds[b] || row[b] > longest) continue;
        const int k = (int)row[b];
        enter_lune(masks, row, bits + (size_t)b * n, a, b, k, n);
        __syncwarp();
        const bool fine = is_true(bits, masks, first[b], second[b], a, b, k, n);
        __syncwarp();
        if (!fine && lane_id() == 0) atomicMin(&wrong[blockIdx.y], edge_key(row[b], a, b));
    }
}

// wrong as above: the first split edge whose vertices are not one of each component of its lune.
//
// A warp an edge, warps stride; grid (any, windows). Shared: (warps, 3, chunks, 32).
extern "C" __global__ void __launch_bounds__(FLOOD_WARPS * WARP)
    false_splits(const unsigned* bits, int n, const edge_t* splits, const int* spans,
                 int split_room, const unsigned short* reps, int reps_room, const int* counts,
                 unsigned long long* wrong) {
    unsigned* shared = dynamic_words();
    const int lane = lane_id(), chunks = chunks_of(n), window = blockIdx.y;
    unsigned* lune = shared + (size_t)warp_id() * 3 * chunks * WARP;
    unsigned* frontier = lune + chunks * WARP;
    bits += (size_t)window * n * n;
    splits += (size_t)window * split_room;
    spans += (size_t)window * split_room * 2;
    reps += (size_t)window * reps_room;
    const int n_warps = gridDim.x * warps_per_block();
    const int n_splits = counts[window * COUNTS + N_SPLIT];
    for (int at = blockIdx.x * warps_per_block() + warp_id(); at < n_splits; at += n_warps) {
        const edge_t key = splits[at];
        const int a = larger_vertex(key), b = smaller_vertex(key), k = key_length(key);
        enter_lune(lune, bits + (size_t)a * n, bits + (size_t)b * n, a, b, k, n);
        bool fine = spans[2 * at + 1] > 1;
        for (int i = 0; i < spans[2 * at + 1] && fine; ++i) {
            const int v = reps[spans[2 * at] + i];
            __syncwarp();
            fine = v < n && holds_vertex(lune, v);
            __syncwarp();
            if (!fine) break;
            for (int chunk = 0; chunk < chunks; ++chunk) frontier[chunk * WARP + lane] = 0;
            const int word = v / CHUNK * WARP + lane;
            const unsigned bit = v % WARP == lane ? 1u << v % CHUNK / WARP : 0u;
            frontier[word] = bit;
            lune[word] ^= bit;
            flood(bits, lune, frontier, a, k, n);
        }
        fine = fine && lowest_of(lune, n) == n;
        if (!fine && lane == 0) atomicMin(&wrong[window], key);
    }
}
