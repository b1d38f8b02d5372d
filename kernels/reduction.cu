// K6: relations of the split edges as bit columns over the births, and their reduction over Z/2.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"
#include "trails.cuh"

// The split edges of windows as they come, and where they go in order.
//
// old, old_spans (windows, old_room), counts[N_SPLIT] of them, reps (windows, reps_room); splits,
// spans (windows, n_splits) are the same in order, the last key and 0 where there is none; ends
// (windows, n_splits), inclusive sums of c - 1; relations (windows, room): a cycle a r0 b ri for
// each component i > 0, the edge's place << 32 | r0 << 16 | ri. Nothing is listed where the old
// lists had too little room.
struct Splits {
    const edge_t* old;
    const int* old_spans;
    int old_room;
    const unsigned short* reps;
    int reps_room;
    edge_t* splits;
    int *spans, *ends, n_splits;
    unsigned long long* relations;
    int room;

    __device__ __forceinline__ void go_to(int window) {
        old += (size_t)window * old_room;
        old_spans += (size_t)window * old_room * 2;
        reps += (size_t)window * reps_room;
        splits += (size_t)window * n_splits;
        spans += (size_t)window * n_splits * 2;
        ends += (size_t)window * n_splits;
        relations += (size_t)window * room;
    }
    __device__ __forceinline__ int used(const int* counts) const {
        return counts[N_SPLIT] <= old_room && counts[N_REPS] <= reps_room ? counts[N_SPLIT] : 0;
    }
    // c - 1 of an edge of the old list.
    __device__ __forceinline__ int further(int at) const { return max(old_spans[2 * at + 1] - 1, 0); }
    // Edge `at` of the old list is edge i of n_splits, with relations up to `end`; none if at < 0.
    __device__ __forceinline__ void put(int i, int at, int end) const {
        const int start = at < 0 ? 0 : old_spans[2 * at], count = at < 0 ? 0 : old_spans[2 * at + 1];
        splits[i] = at < 0 ? ~0ull : old[at];
        spans[2 * i] = start;
        spans[2 * i + 1] = count;
        ends[i] = end;
        for (int k = 1, place = end - count + 1; k < count && place < room; ++k, ++place)
            relations[place] =
                (unsigned long long)i << 32 | (unsigned)reps[start] << 16 | reps[start + k];
    }
};

// What of a sorted list is before a key: how many keys, and how many relations of these.
struct Before {
    int keys = 0, relations = 0;

    // others of a tile, every RANK_LANES-th from `from` on; further is null, or one for each.
    template <typename Comes>
    __device__ __forceinline__ void count(const edge_t* others, const int* further, int from, int to,
                                          Comes comes) {
        if (further) {
#pragma unroll 4
            for (int i = from; i < to; i += RANK_LANES) {
                keys += comes(i, others[i]);
                relations += comes(i, others[i]) ? further[i] : 0;
            }
        } else {
#pragma unroll 8
            for (int i = from; i < to; i += RANK_LANES) keys += comes(i, others[i]);
        }
    }
};

// Both lists of every window in order, by how many of their keys are smaller, and the relations of
// the split edges. No two keys are equal, but in a state that is corrupt, where they stand as they
// came.
//
// RANK_LANES threads a key, each with its share of the others; blocks stride; grid (any, 2,
// windows). rng (windows, rng_room), counts[N_RNG] of them, to sorted (windows, n_sorted), the last
// key behind them; the others are those of Splits. What finds no room is left out, so every key is
// ranked, however many do.
extern "C" __global__ void __launch_bounds__(RANK_THREADS)
    rank_keys(const edge_t* rng, int rng_room, edge_t* sorted, int n_sorted,
              const edge_t* old_splits, const int* old_spans, int split_room,
              const unsigned short* reps, int reps_room, edge_t* splits, int* spans, int* ends,
              int n_splits, unsigned long long* relations, int room, const int* counts) {
    constexpr int KEYS = RANK_THREADS / RANK_LANES;  // of a block, a divisor of RANK_TILE
    __shared__ edge_t tile[RANK_TILE];
    __shared__ int further[RANK_TILE];
    const int window = blockIdx.z, lane = threadIdx.x % RANK_LANES;
    const bool is_rng = blockIdx.y == 0;
    Splits list = {old_splits, old_spans, split_room, reps,      reps_room, splits,
                   spans,      ends,      n_splits,   relations, room};
    list.go_to(window);
    counts += window * COUNTS;
    const edge_t* keys = is_rng ? rng + (size_t)window * rng_room : list.old;
    const int used = is_rng ? min(counts[N_RNG], rng_room) : list.used(counts);
    const int rows = max(used, is_rng ? n_sorted : n_splits);
    sorted += (size_t)window * n_sorted;
    for (int start = blockIdx.x * KEYS; start < rows; start += gridDim.x * KEYS) {
        const int at = start + (int)threadIdx.x / RANK_LANES;
        if (is_rng && start >= used) {
            if (lane == 0 && at < n_sorted) sorted[at] = ~0ull;
            continue;
        }
        const edge_t mine = at < used ? keys[at] : ~0ull;
        Before before;
        for (int first = 0; first < used; first += RANK_TILE) {
            const int filled = min((used - first + KEYS - 1) / KEYS * KEYS, RANK_TILE);
            __syncthreads();
            for (int i = threadIdx.x; i < filled; i += RANK_THREADS) {
                const bool is_used = first + i < used;
                tile[i] = is_used ? keys[first + i] : ~0ull;
                if (!is_rng) further[i] = is_used ? list.further(first + i) : 0;
            }
            __syncthreads();
            // only among those of this block one that is equal may be before or behind
            const int from = min(max(start - first, 0), filled);
            const int to = min(max(start - first + KEYS, 0), filled);
            const int* const sums = is_rng ? nullptr : further;
            before.count(tile, sums, lane, from, [&](int, edge_t key) { return key <= mine; });
            before.count(tile, sums, from + lane, to, [&](int i, edge_t key) {
                return key < mine || (key == mine && first + i < at);
            });
            before.count(tile, sums, to + lane, filled, [&](int, edge_t key) { return key < mine; });
        }
        for (int by = 1; by < RANK_LANES; by *= 2) {
            before.keys += __shfl_xor_sync(ALL_LANES, before.keys, by);
            before.relations += __shfl_xor_sync(ALL_LANES, before.relations, by);
        }
        if (lane != 0) continue;
        const int place = at < used ? before.keys : at;
        if (is_rng) {
            if (place < n_sorted) sorted[place] = mine;
        } else if (place < n_splits) {
            const int more = at < used ? list.further(at) : 0;
            list.put(place, at < used ? at : -1, before.relations + more);
        }
    }
}

// The relations of split edges that were sorted otherwise: order (windows, n_splits) has the places
// of the old list. A block a window; the others as above.
extern "C" __global__ void __launch_bounds__(BLOCK)
    order_splits(const int* order, const edge_t* old_splits, const int* old_spans, int split_room,
                 const unsigned short* reps, int reps_room, edge_t* splits, int* spans, int* ends,
                 int n_splits, unsigned long long* relations, int room, const int* counts) {
    __shared__ int warp_sums[BLOCK / WARP];
    const int window = blockIdx.x;
    Splits list = {old_splits, old_spans, split_room, reps,      reps_room, splits,
                   spans,      ends,      n_splits,   relations, room};
    list.go_to(window);
    order += (size_t)window * n_splits;
    const int used = min(list.used(counts + window * COUNTS), n_splits);
    int total = 0;
    for (int first = 0; first < n_splits; first += blockDim.x) {
        const int i = first + threadIdx.x, at = i < used ? order[i] : -1;
        int sum = at < 0 ? 0 : list.further(at);
        for (int by = 1; by < WARP; by *= 2) {
            const int before = __shfl_up_sync(ALL_LANES, sum, by);
            if (lane_id() >= by) sum += before;
        }
        if (lane_id() == WARP - 1) warp_sums[warp_id()] = sum;
        __syncthreads();
        sum += total;
        for (int warp = 0; warp < warps_per_block(); ++warp) {
            if (warp < warp_id()) sum += warp_sums[warp];
            total += warp_sums[warp];
        }
        __syncthreads();
        if (i < n_splits) list.put(i, at, sum);
    }
}

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

// The youngest birth in a column, or -1.
__device__ __forceinline__ int youngest(const unsigned* column, int words) {
    for (int top = words - 1; top >= 0; top -= WARP) {
        const int at = top - lane_id();
        const unsigned value = at >= 0 ? column[at] : 0u;
        const unsigned votes = __ballot_sync(ALL_LANES, value != 0);
        if (!votes) continue;
        const int holder = __ffs(votes) - 1;
        return 32 * (top - holder) + 31 - __clz(__shfl_sync(ALL_LANES, value, holder));
    }
    return -1;
}

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

// The column that is added to one whose youngest birth is this, (words,).
struct Owners {
    const unsigned *columns, *kept;
    const int* owner;
    int words;

    __device__ __forceinline__ const unsigned* source(int birth) const {
        const int holder = owner[birth];
        return (holder == KEPT ? kept + (size_t)birth * words : columns + (size_t)holder * words);
    }
    __device__ __forceinline__ bool is_before(int birth, int column) const {
        return birth >= 0 && owner[birth] < column;  // KEPT is before all
    }
};

// Add to a column as long as an earlier one owns its youngest birth; return what is then the
// youngest, or -1, and count the additions. A lane holds LANE_WORDS words meanwhile.
template <int LANE_WORDS>
__device__ __forceinline__ int add_earlier(
    unsigned* column, const Owners& owners, int c, int birth, int& additions) {
    const int lane = lane_id(), top = birth / 32;
    unsigned value[LANE_WORDS];
#pragma unroll
    for (int k = 0; k < LANE_WORDS; ++k)
        value[k] = lane + WARP * k <= top ? column[lane + WARP * k] : 0u;
    do {
        const unsigned* source = owners.source(birth);
        const int last = birth / 32;
#pragma unroll
        for (int k = 0; k < LANE_WORDS; ++k)
            value[k] ^= lane + WARP * k <= last ? source[lane + WARP * k] : 0u;
        birth = -1;
#pragma unroll
        for (int k = LANE_WORDS - 1; k >= 0; --k) {
            if (birth >= 0 || WARP * k > last) continue;
            const unsigned votes = __ballot_sync(ALL_LANES, value[k] != 0);
            if (!votes) continue;
            const int holder = 31 - __clz(votes);
            const unsigned bits = __shfl_sync(ALL_LANES, value[k], holder);
            birth = 32 * (WARP * k + holder) + 31 - __clz(bits);
        }
        ++additions;
    } while (owners.is_before(birth, c));
#pragma unroll
    for (int k = 0; k < LANE_WORDS; ++k)
        if (lane + WARP * k <= top) column[lane + WARP * k] = value[k];
    return birth;
}

// The same for columns of any length, where they are.
__device__ __forceinline__ int add_earlier_in_place(
    unsigned* column, const Owners& owners, int c, int birth, int& additions) {
    do {
        const unsigned* source = owners.source(birth);
        for (int word = lane_id(); word <= birth / 32; word += WARP) column[word] ^= source[word];
        __syncwarp();
        birth = youngest(column, birth / 32 + 1);
        ++additions;
    } while (owners.is_before(birth, c));
    return birth;
}

// Who of a round goes on: columns, (n_columns,), in any order.
struct Active {
    int *list, *count;

    __device__ __forceinline__ void add(int column) { list[atomicAdd(count, 1)] = column; }
};

// The next number of a counter of the block, for a warp.
__device__ __forceinline__ int taken(int* counter) {
    return __shfl_sync(ALL_LANES, lane_id() == 0 ? atomicAdd(counter, 1) : 0, 0);
}

// Let a column own its youngest birth, unless an earlier one does; the one that does not goes on.
__device__ __forceinline__ void claim(int c, int birth, int* owner, Active& next) {
    if (birth < 0) return;
    const int before = atomicMin(&owner[birth], c);
    if (before < c)
        next.add(c);
    else if (before != NOBODY)
        next.add(before);
}

// Reduce columns in rounds: the earliest column with a youngest birth owns it, the others add it,
// and go on with whatever then owns theirs, as long as that is earlier. So pairs are those of the
// reduction from left to right, and since what owns a birth is not written in a round, the columns
// do not depend on the schedule.
//
// A block a window. columns, low as above, active (windows, 2, n_columns), room; owner (windows,
// n_births): of each birth its column, KEPT once one of an earlier call has it, which is then in
// kept (windows, n_births, words), NOBODY. first is 0 in the first call; ends (windows, n_splits),
// room of relations. in_shared: low and owner are in shared memory meanwhile, active too where that
// is 2: (n_columns + n_births,) or (3 n_columns + n_births,) words. counts[N_KILLED] and counts[ADDITIONS] grow; nothing is done if
// counts[LIST_FULL] is set, once all births are dead, or where they are more than n_births.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    reduce_columns(unsigned* columns, int n_columns, int words, const int* ends, int n_splits,
                   int room, int first, int* low, int* active, int* owner, const unsigned* kept,
                   int n_births, int in_shared, int* counts) {
    __shared__ int n_active[2], n_begun;
    const int window = blockIdx.x, tid = threadIdx.x, step = blockDim.x, warp = warp_id();
    columns += (size_t)window * n_columns * words;
    low += (size_t)window * n_columns;
    active += (size_t)window * 2 * n_columns;
    owner += (size_t)window * n_births;
    kept += (size_t)window * n_births * words;
    counts += window * COUNTS;
    const int given = counts[N_BIRTHS], killed = counts[N_KILLED];
    const int last_end = ends[(size_t)(window + 1) * n_splits - 1];
    if (counts[LIST_FULL] || killed == given || given > n_births) return;
    const int count = min(n_columns, min(room, last_end) - first);
    int *const owner_after = owner, *const low_before = low;
    if (in_shared) {
        low = reinterpret_cast<int*>(dynamic_words());
        owner = low + n_columns;
        if (in_shared > 1) active = owner + n_births;
        for (int c = tid; c < count; c += step) low[c] = low_before[c];
    }
    for (int birth = tid; birth < n_births; birth += step)
        owner[birth] = first ? owner_after[birth] : NOBODY;
    if (tid < 2) n_active[tid] = 0;
    if (tid == 0) n_begun = 0;
    __syncthreads();
    Active now = {active, &n_active[0]}, next = {active + n_columns, &n_active[1]};
    for (int c = tid; c < count; c += step) claim(c, low[c], owner, now);
    const Owners owners = {columns, kept, owner, words};
    int additions = 0;
    for (;;) {
        __syncthreads();
        const int total = *now.count;
        if (total == 0) break;
        if (tid == 0) *next.count = 0;
        for (int i = warp; i < total; i = warps_per_block() + taken(&n_begun)) {
            const int c = now.list[i], birth = low[c];
            unsigned* column = columns + (size_t)c * words;
            int left;
            if (given <= 32 * WARP)
                left = add_earlier<1>(column, owners, c, birth, additions);
            else if (given <= 2 * 32 * WARP)
                left = add_earlier<2>(column, owners, c, birth, additions);
            else if (given <= 4 * 32 * WARP)
                left = add_earlier<4>(column, owners, c, birth, additions);
            else
                left = add_earlier_in_place(column, owners, c, birth, additions);
            __syncwarp();
            if (lane_id() == 0) low[c] = left;
        }
        __syncthreads();
        if (tid == 0) n_begun = 0;
        for (int i = tid; i < total; i += step) claim(now.list[i], low[now.list[i]], owner, next);
        const Active done = now;
        now = next;
        next = done;
    }
    int dying = 0;
    for (int birth = tid; birth < n_births; birth += step) {
        const int holder = owner[birth];
        if (in_shared) owner_after[birth] = holder;
        dying += holder != NOBODY && holder != KEPT;
    }
    dying = warp_sum(dying);
    if (lane_id() == 0 && dying) atomicAdd(&counts[N_KILLED], dying);
    if (lane_id() == 0 && additions) atomicAdd(&counts[ADDITIONS], additions);
}

// Keep what owns a birth since the last call: its column, and the key of the split edge.
//
// A warp a birth, warps stride; grid (any, windows). columns, owner, kept as above, deaths (windows,
// n_births); splits (windows, n_splits), relations (windows, room). Nothing is done where
// reduce_columns does nothing: no birth has an owner that is not kept.
extern "C" __global__ void __launch_bounds__(KEEP_WARPS * WARP)
    keep_columns(const unsigned* columns, int n_columns, int words, const edge_t* splits,
                 int n_splits, const unsigned long long* relations, int room, int first, int* owner,
                 unsigned* kept, edge_t* deaths, int n_births, const int* counts) {
    const int window = blockIdx.y, lane = lane_id();
    columns += (size_t)window * n_columns * words;
    splits += (size_t)window * n_splits;
    relations += (size_t)window * room;
    owner += (size_t)window * n_births;
    kept += (size_t)window * n_births * words;
    deaths += (size_t)window * n_births;
    counts += window * COUNTS;
    const int given = counts[N_BIRTHS];
    if (counts[LIST_FULL] || given > n_births) return;
    const int begin = blockIdx.x * warps_per_block() + warp_id();
    for (int birth = begin; birth < given; birth += gridDim.x * warps_per_block()) {
        const int holder = owner[birth];
        if (holder == NOBODY || holder == KEPT) continue;
        for (int word = lane; word < words; word += WARP)
            kept[(size_t)birth * words + word] = columns[(size_t)holder * words + word];
        __syncwarp();
        if (lane != 0) continue;
        deaths[birth] = splits[relations[first + holder] >> 32];
        owner[birth] = KEPT;
    }
}
