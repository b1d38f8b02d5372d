// K6: relations of the split edges as bit columns over the births.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"
#include "columns.cuh"
#include "trails.cuh"

// A vertex of the lune of ab as it was noted; n if the lune is empty.
__device__ __forceinline__ int noted_apex(const code_t* first, int a, int b, int n) {
    const int code = first[(size_t)max(a, b) * n + min(a, b)];
    if (code == empty_code(n)) return n;
    return code < n ? code : code - n;
}

// Edges of a relation that are to be replaced, each with a vertex of its lune, in any order and
// some of them twice, which is never. A warp has room for list_room of them.
struct Replaced {
    const unsigned* bits;
    const code_t* first_code;
    int n;
    edge_t* list;
    code_t* apexes;
    int room, size;
    edge_t* taken;  // (WARP,), as taken_apexes
    code_t* taken_apexes;

    // Each lane may give the edge ab; what is an RNG edge remains.
    __device__ __forceinline__ void add(bool given, edge_t key, int apex, Remains& remains) {
        const bool waits = given && apex != n;
        const unsigned votes = __ballot_sync(ALL_LANES, waits);
        if (waits) {
            const int at = size + __popc(votes & lanes_below(lane_id()));
            list[at] = key;
            apexes[at] = (code_t)apex;
        }
        size += __popc(votes);
        remains.add(given && apex == n, key);
    }
    // Each lane may give a vertex r of the lune of ab, for which ar and rb are added.
    __device__ __forceinline__ void add_both(bool given, int a, int b, int r, Remains& remains) {
        const edge_t one = given ? edge_key(bits[(size_t)a * n + r], a, r) : 0;
        const edge_t other = given ? edge_key(bits[(size_t)b * n + r], b, r) : 0;
        const int one_apex = given ? noted_apex(first_code, a, r, n) : n;
        const int other_apex = given ? noted_apex(first_code, b, r, n) : n;
        if (given) remains.trail.use_vertex(r);
        add(given, one, one_apex, remains);
        add(given, other, other_apex, remains);
    }
    // The least key of those that are replaced next: all; where these are more than `most`, the
    // longest ones, at most so many, but where more are equal.
    __device__ __forceinline__ edge_t least_taken(int most) const {
        if (size <= most) return 0;
        edge_t longest = 0;
        for (int i = lane_id(); i < size; i += WARP) longest = max(longest, list[i]);
        longest = warp_max_key(longest);
        for (edge_t span = longest / 2;; span /= 2) {
            int count = 0;
            for (int first = 0; first < size; first += WARP) {
                const int i = first + lane_id();
                count += __popc(__ballot_sync(ALL_LANES, i < size && list[i] >= longest - span));
            }
            if (count <= most || span == 0) return longest - span;
        }
    }
    // Take those out, and replace the ones that are there once; size is not 0.
    __device__ __forceinline__ void replace_some(Remains& remains) {
        const int lane = lane_id(), most = min(WARP, room - size);
        const edge_t least = least_taken(most);
        int n_taken = 0, n_kept = 0;
        for (int first = 0; first < size; first += WARP) {
            const int i = first + lane;
            const edge_t key = i < size ? list[i] : 0;
            const code_t apex = i < size ? apexes[i] : 0;
            const bool is_long = i < size && key >= least;
            const int order =
                n_taken + __popc(__ballot_sync(ALL_LANES, is_long) & lanes_below(lane));
            const bool goes = is_long && order < most, stays = i < size && !goes;
            const unsigned staying = __ballot_sync(ALL_LANES, stays);
            __syncwarp();
            edge_t* keys = goes ? taken + order : list + n_kept + __popc(staying & lanes_below(lane));
            code_t* codes = goes ? taken_apexes + order
                                 : apexes + n_kept + __popc(staying & lanes_below(lane));
            if (i < size) {
                *keys = key;
                *codes = apex;
            }
            n_taken += __popc(__ballot_sync(ALL_LANES, goes));
            n_kept += __popc(staying);
        }
        __syncwarp();
        size = n_kept;
        const edge_t mine = lane < n_taken ? taken[lane] : 0;
        const int apex = lane < n_taken ? taken_apexes[lane] : 0;
        const unsigned equal = __match_any_sync(ALL_LANES, mine);
        const bool is_odd = __popc(equal) % 2 && lane == __ffs(equal) - 1;
        add_both(mine != 0 && is_odd, larger_vertex(mine), smaller_vertex(mine), apex, remains);
    }
};

// Columns of the relations first, first + 1, ...: every edge ab that is no RNG edge is replaced by
// ar + rb, r in its lune, a warp's worth at once and the latest first, until birth edges remain.
//
// A warp a relation, warps stride; grid (any, windows). ends, relations as above (the last end is
// their number); rng, birth_rank, rng_room of spanning_forest; lists (windows, warps, list_room +
// list_room / 4), room; columns (windows, n_columns, words), low (windows, n_columns): the youngest
// birth of each, or -1; counts[LIST_FULL] is set if a list was too short, and the columns are then
// of no use.
//
// r is the vertex that the edge's code names: first_code (windows, n, n). Where trails are kept,
// rng_words > 0: trails (windows, room, rng_words + n / 32), zero before; and if there was an earlier
// diagram, old_words > 0, those and its arrays are old_*, and moved (windows, n / 32) as above.
// counts[REUSED] grows. Nothing is done once all births are dead, or where they are more than the
// words have bits. Shared: (warps, list_room) keys and codes where that is at most SHARED_LIST;
// lists is for more.
extern "C" __global__ void __launch_bounds__(EXPAND_WARPS * WARP)
    expand_relations(const unsigned* bits, int n, const edge_t* splits, const int* ends,
                     int n_splits, const unsigned long long* relations, int room, const edge_t* rng,
                     const int* birth_rank, int rng_room, int first, unsigned* columns,
                     int n_columns, int words, int* low, edge_t* lists, int list_room,
                     const code_t* first_code, unsigned* trails, int rng_words,
                     const edge_t* old_splits, const int* old_ends, int n_old_splits,
                     const unsigned long long* old_relations, int old_room, const edge_t* old_rng,
                     int old_rng_room, const unsigned* old_trails, int old_rng_words,
                     const unsigned* moved, int* counts) {
    __shared__ edge_t taken[EXPAND_WARPS][WARP], waiting[EXPAND_WARPS][WARP];
    __shared__ code_t taken_apexes[EXPAND_WARPS][WARP];
    const int window = blockIdx.y, n_warps = gridDim.x * warps_per_block();
    const int warp = blockIdx.x * warps_per_block() + warp_id();
    bits += (size_t)window * n * n;
    splits += (size_t)window * n_splits;
    relations += (size_t)window * room;
    rng += (size_t)window * rng_room;
    birth_rank += (size_t)window * rng_room;
    columns += (size_t)window * n_columns * words;
    counts += window * COUNTS;
    low += (size_t)window * n_columns;
    const bool in_shared = list_room <= SHARED_LIST;
    edge_t* const shared_keys = reinterpret_cast<edge_t*>(dynamic_words());
    edge_t* const list = in_shared ? shared_keys + warp_id() * list_room
                                   : lists + ((size_t)window * n_warps + warp) *
                                                 (list_room + list_room / 4);
    code_t* const apexes =
        in_shared ? reinterpret_cast<code_t*>(shared_keys + warps_per_block() * list_room) +
                        warp_id() * list_room
                  : reinterpret_cast<code_t*>(list + list_room);
    const int n_rng = min(counts[N_RNG], rng_room), n_words = (n + 31) / 32;
    const bool is_done = counts[N_KILLED] == counts[N_BIRTHS] || counts[N_BIRTHS] > 32 * words;
    if (is_done || __shfl_sync(ALL_LANES, counts[LIST_FULL], 0)) return;
    first_code += (size_t)window * n * n;
    trails += (size_t)window * room * (rng_words ? rng_words + n_words : 0);
    if (old_rng_words) {
        old_splits += (size_t)window * n_old_splits;
        old_ends += (size_t)window * n_old_splits;
        old_relations += (size_t)window * old_room;
        old_rng += (size_t)window * old_rng_room;
        old_trails += (size_t)window * old_room * (old_rng_words + n_words);
        moved += (size_t)window * n_words;
    }
    const int count = min(n_columns, min(room, ends[(size_t)(window + 1) * n_splits - 1]) - first);
    for (int column = warp; column < count; column += n_warps) {
        const unsigned long long relation = relations[first + column];
        const edge_t key = splits[relation >> 32];
        const int a = larger_vertex(key), b = smaller_vertex(key);
        for (int word = lane_id(); word < words; word += WARP)
            columns[(size_t)column * words + word] = 0;
        Trail trail = {nullptr, nullptr};
        if (rng_words) {
            trail.edges = trails + (size_t)(first + column) * (rng_words + n_words);
            trail.vertices = trail.edges + rng_words;
            for (int word = lane_id(); word < rng_words + n_words; word += WARP)
                trail.edges[word] = 0;
        }
        __syncwarp();
        Remains remains = {rng,   birth_rank,         n_rng, columns + (size_t)column * words,
                           trail, waiting[warp_id()], 0};
        bool is_known = false;
        if (old_rng_words) {
            const int place = place_of(key, old_splits, n_old_splits);
            const int stop = old_splits[place] == key ? old_ends[place] : 0;
            int at = stop && place ? old_ends[place - 1] : 0;
            while (at < stop && (unsigned)old_relations[at] != (unsigned)relation) ++at;
            const unsigned* old_trail = old_trails + (size_t)at * (old_rng_words + n_words);
            is_known = at < stop && follow(old_trail, old_rng, old_rng_words, moved, n, remains,
                                           words, rng_words);
            if (is_known && lane_id() == 0) atomicAdd(&counts[REUSED], 1);
        }
        if (!is_known) {
            Replaced edges = {bits,   first_code, n, list,
                              apexes, list_room,  0, taken[warp_id()], taken_apexes[warp_id()]};
            const bool is_end = lane_id() < 2;
            if (is_end) trail.use_vertex(lane_id() ? b : a);
            const int r = (int)(relation >> (lane_id() ? 16 : 0)) & 0xffff;
            edges.add_both(is_end, a, b, r, remains);
            while (edges.size > 0 && edges.size < list_room) edges.replace_some(remains);
            remains.settle();
            if (edges.size > 0 && lane_id() == 0) counts[LIST_FULL] = 1;
        }
        __syncwarp();
        const int birth = youngest(columns + (size_t)column * words, words);
        if (lane_id() == 0) low[column] = birth;
    }
}
