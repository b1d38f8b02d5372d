// K6: relations of the split edges as bit columns over the births, and their reduction over Z/2.

#include "common.cuh"
#include "lune.cuh"
#include "certificates.cuh"
#include "trails.cuh"

// Both lists of every window in order, by how many of their keys are smaller. No two are equal, but
// in a state that is corrupt, where they stand as they came.
//
// A thread a key, blocks stride; grid (any, 2, windows). rng (windows, rng_room), counts[N_RNG]
// of them, to sorted (windows, n_sorted), the last key behind them; splits (windows, split_room),
// counts[N_SPLIT] of them: order (windows, n_order) gets their places. What is beyond n_sorted or
// n_order is left out, so every key is ranked, however many find room.
extern "C" __global__ void __launch_bounds__(RANK_THREADS)
    rank_keys(const edge_t* rng, int rng_room, edge_t* sorted, int n_sorted, const edge_t* splits,
              int split_room, int* order, int n_order, const int* counts) {
    __shared__ edge_t tile[RANK_THREADS];
    const int window = blockIdx.z, step = gridDim.x * RANK_THREADS;
    const bool is_rng = blockIdx.y == 0;
    const edge_t* keys = is_rng ? rng + (size_t)window * rng_room
                                : splits + (size_t)window * split_room;
    const int used = min(counts[window * COUNTS + (is_rng ? N_RNG : N_SPLIT)],
                         is_rng ? rng_room : split_room);
    sorted += (size_t)window * n_sorted;
    order += (size_t)window * n_order;
    for (int start = blockIdx.x * RANK_THREADS; start < max(used, n_sorted); start += step) {
        const int at = start + (int)threadIdx.x;
        if (is_rng && at >= used && at < n_sorted) sorted[at] = ~0ull;
        if (start >= used) continue;
        const edge_t mine = at < used ? keys[at] : 0;
        int rank = 0;
        for (int first = 0; first < used; first += RANK_THREADS) {
            const int other = first + (int)threadIdx.x;
            __syncthreads();
            tile[threadIdx.x] = other < used ? keys[other] : ~0ull;
            __syncthreads();
#pragma unroll 8
            for (int i = 0; i < RANK_THREADS; ++i)
                rank += tile[i] < mine || (tile[i] == mine && first + i < at);
        }
        if (at >= used) continue;
        if (is_rng && rank < n_sorted) sorted[rank] = mine;
        if (!is_rng && rank < n_order) order[rank] = at;
    }
}

// The split edges in order, and their relations: a cycle a r0 b ri for each further component.
//
// A block a window. order (windows, n_splits): of rank_keys; old_splits, old_spans (windows,
// split_room), counts[N_SPLIT] of them; splits, spans (windows, n_splits) are the same in order,
// the last key and 0 where there is none; ends (windows, n_splits), inclusive sums of c - 1;
// relations (windows, room): the edge's place << 32 | r0 << 16 | ri. Nothing is listed where the
// old lists had too little room.
extern "C" __global__ void __launch_bounds__(BLOCK)
    order_splits(const int* order, int n_splits, const edge_t* old_splits,
                 const int* old_spans, int split_room, const unsigned short* reps, int reps_room,
                 edge_t* splits, int* spans, int* ends, unsigned long long* relations, int room,
                 const int* counts) {
    __shared__ int warp_sums[BLOCK / WARP];
    const int window = blockIdx.x;
    order += (size_t)window * n_splits;
    old_splits += (size_t)window * split_room;
    old_spans += (size_t)window * split_room * 2;
    reps += (size_t)window * reps_room;
    splits += (size_t)window * n_splits;
    spans += (size_t)window * n_splits * 2;
    ends += (size_t)window * n_splits;
    relations += (size_t)window * room;
    const bool is_whole = counts[window * COUNTS + N_SPLIT] <= split_room &&
                          counts[window * COUNTS + N_REPS] <= reps_room;
    const int used = is_whole ? counts[window * COUNTS + N_SPLIT] : 0;
    int total = 0;
    for (int first = 0; first < n_splits; first += blockDim.x) {
        const int i = first + threadIdx.x;
        const int at = i < min(used, n_splits) ? order[i] : 0;
        const int start = i < used ? old_spans[2 * at] : 0;
        const int count = i < used ? old_spans[2 * at + 1] : 0;
        const int further = max(count - 1, 0);
        int sum = further;
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
        if (i >= n_splits) continue;
        splits[i] = i < used ? old_splits[at] : ~0ull;
        spans[2 * i] = start;
        spans[2 * i + 1] = count;
        ends[i] = sum;
        for (int k = 1; k < count && sum - further + k <= room; ++k)
            relations[sum - further + k - 1] =
                (unsigned long long)i << 32 | (unsigned)reps[start] << 16 | reps[start + k];
    }
}

// A vertex of the lune of ab, a > b, as it was noted; n if the lune is empty.
__device__ __forceinline__ int noted_apex(const code_t* first, int a, int b, int n) {
    const int code = first[(size_t)a * n + b];
    if (code == empty_code(n)) return n;
    return code < n ? code : code - n;
}

// Add a key to a set over Z/2: twice is never. Returns the new size.
__device__ __forceinline__ int toggle(edge_t* list, int size, edge_t key) {
    int found = -1;
    for (int first = 0; first < size && found < 0; first += WARP) {
        const int at = first + lane_id();
        const unsigned votes = __ballot_sync(ALL_LANES, at < size && list[at] == key);
        if (votes) found = first + __ffs(votes) - 1;
    }
    if (lane_id() == 0) {
        if (found < 0)
            list[size] = key;
        else
            list[found] = list[size - 1];
    }
    __syncwarp();
    return found < 0 ? size + 1 : size - 1;
}

// Take the largest key out of a set that is not empty.
__device__ __forceinline__ edge_t take_largest(edge_t* list, int size) {
    edge_t largest = 0;
    int at = -1;
    for (int i = lane_id(); i < size; i += WARP)
        if (list[i] > largest) {
            largest = list[i];
            at = i;
        }
    const edge_t taken = warp_max_key(largest);
    if (at >= 0 && largest == taken) list[at] = list[size - 1];
    __syncwarp();
    return taken;
}

// Columns of the relations first, first + 1, ...: every edge ab that is no RNG edge is replaced by
// ar + rb, r in its lune, the latest edge first, until birth edges remain.
//
// A warp a relation, warps stride; grid (any, windows). ends, relations as above (the last end is
// their number); rng, birth_rank, rng_room of spanning_forest; lists (windows, warps, list_room),
// room; columns (windows, n_columns, words); counts[LIST_FULL] is set if a list was too short, and
// the columns are then of no use.
//
// r is the vertex that the edge's code names: first_code (windows, n, n). Where trails are kept,
// rng_words > 0: trails (windows, room, rng_words + n / 32), zero before; and if there was an earlier
// diagram, old_words > 0, those and its arrays are old_*, and moved (windows, n / 32) as above.
// counts[REUSED] grows. Nothing is done once all births are dead, or where they are more than the
// words have bits. Shared: (warps, list_room) keys where that is SHARED_LIST; lists is for more.
extern "C" __global__ void __launch_bounds__(EXPAND_WARPS * WARP)
    expand_relations(const unsigned* bits, int n, const edge_t* splits, const int* ends,
                     int n_splits, const unsigned long long* relations, int room, const edge_t* rng,
                     const int* birth_rank, int rng_room, int first, unsigned* columns,
                     int n_columns, int words, edge_t* lists, int list_room,
                     const code_t* first_code, unsigned* trails, int rng_words,
                     const edge_t* old_splits, const int* old_ends, int n_old_splits,
                     const unsigned long long* old_relations, int old_room, const edge_t* old_rng,
                     int old_rng_room, const unsigned* old_trails, int old_rng_words,
                     const unsigned* moved, int* counts) {
    const int window = blockIdx.y, n_warps = gridDim.x * warps_per_block();
    const int warp = blockIdx.x * warps_per_block() + warp_id();
    bits += (size_t)window * n * n;
    splits += (size_t)window * n_splits;
    relations += (size_t)window * room;
    rng += (size_t)window * rng_room;
    birth_rank += (size_t)window * rng_room;
    columns += (size_t)window * n_columns * words;
    counts += window * COUNTS;
    edge_t* list = list_room > SHARED_LIST
                       ? lists + ((size_t)window * n_warps + warp) * list_room
                       : reinterpret_cast<edge_t*>(dynamic_words()) + warp_id() * list_room;
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
        if (old_rng_words) {
            const int place = place_of(key, old_splits, n_old_splits);
            const int stop = old_splits[place] == key ? old_ends[place] : 0;
            int at = stop && place ? old_ends[place - 1] : 0;
            while (at < stop && (unsigned)old_relations[at] != (unsigned)relation) ++at;
            const unsigned* old_trail = old_trails + (size_t)at * (old_rng_words + n_words);
            if (at < stop && follow(old_trail, old_rng, old_rng_words, moved, n, rng, birth_rank,
                                    n_rng, columns + (size_t)column * words, words, trail,
                                    rng_words)) {
                if (lane_id() == 0) atomicAdd(&counts[REUSED], 1);
                continue;
            }
        }
        trail.use_vertex(a);
        trail.use_vertex(b);
        int size = 0;
        for (int i = 0; i < 2; ++i) {
            const int r = (int)(relation >> (i ? 16 : 0)) & 0xffff;
            trail.use_vertex(r);
            size = toggle(list, size, edge_key(bits[(size_t)a * n + r], a, r));
            size = toggle(list, size, edge_key(bits[(size_t)b * n + r], b, r));
        }
        while (size > 0 && size + 2 <= list_room) {
            const edge_t latest = take_largest(list, size);
            --size;
            const int c = larger_vertex(latest), d = smaller_vertex(latest);
            const int r = noted_apex(first_code, c, d, n);
            if (r == n) {
                const int place = place_of(latest, rng, n_rng), birth = birth_rank[place];
                trail.meet_edge(place);
                if (birth >= 0 && lane_id() == 0)
                    columns[(size_t)column * words + birth / 32] ^= 1u << birth % 32;
                continue;
            }
            trail.use_vertex(r);
            size = toggle(list, size, edge_key(bits[(size_t)c * n + r], c, r));
            size = toggle(list, size, edge_key(bits[(size_t)d * n + r], d, r));
        }
        if (size > 0 && lane_id() == 0) counts[LIST_FULL] = 1;
    }
}

// Add a source to a column over Z/2 from a word downwards; return the youngest birth left, or -1.
// Without a source, only find it.
__device__ __forceinline__ int youngest(unsigned* column, const unsigned* source, int word) {
    int found = -1;
    for (int top = word; top >= 0; top -= WARP) {
        const int at = top - lane_id();
        unsigned value = at >= 0 ? column[at] : 0u;
        if (source && at >= 0) column[at] = value ^= source[at];
        const unsigned votes = __ballot_sync(ALL_LANES, value != 0);
        if (votes && found < 0) {
            const int holder = __ffs(votes) - 1;
            found = 32 * (top - holder) + 31 - __clz(__shfl_sync(ALL_LANES, value, holder));
        }
        if (found >= 0 && !source) break;
    }
    return found;
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
// youngest, or -1, and count the additions.
__device__ __forceinline__ int add_earlier(
    unsigned* column, const Owners& owners, int c, int birth, int& additions) {
    if (owners.words > WARP) {
        do {
            birth = youngest(column, owners.source(birth), birth / 32);
            __syncwarp();
            ++additions;
        } while (owners.is_before(birth, c));
        return birth;
    }
    const int lane = lane_id();
    unsigned value = lane < owners.words ? column[lane] : 0u;
    do {
        const unsigned* source = owners.source(birth);
        value ^= lane <= birth / 32 ? source[lane] : 0u;
        const unsigned votes = __ballot_sync(ALL_LANES, value != 0);
        const int holder = 31 - __clz(votes);
        const unsigned last = __shfl_sync(ALL_LANES, value, max(holder, 0));
        birth = votes ? 32 * holder + 31 - __clz(last) : -1;
        ++additions;
    } while (owners.is_before(birth, c));
    if (lane < owners.words) column[lane] = value;
    return birth;
}

// Reduce columns in rounds: the earliest column with a youngest birth owns it, the others add it,
// and go on with whatever then owns theirs, as long as that is earlier. So pairs are those of the
// reduction from left to right, and since what owns a birth is not written in a round, the columns
// do not depend on the schedule.
//
// A block a window. columns as above, low and active (windows, n_columns), room; per birth
// (windows, n_births): owner, KEPT once a column of an earlier call has it, which is then in kept
// (windows, n_births, words); deaths, the key of the relation's split edge. first is 0 in the
// first call; splits (windows, n_splits), relations (windows, room). in_shared: low and owner are
// in shared memory meanwhile, (n_columns + n_births,) words.
// counts[N_KILLED] and counts[ADDITIONS] grow; nothing is done if counts[LIST_FULL] is set, once all
// births are dead, or where they are more than n_births.
extern "C" __global__ void __launch_bounds__(BLOCK)
    reduce_columns(unsigned* columns, int n_columns, int words, const edge_t* splits,
                   const int* ends, int n_splits, const unsigned long long* relations, int room,
                   int first, int* low, int* active, int* owner, unsigned* kept, edge_t* deaths,
                   int n_births, int in_shared, int* counts) {
    __shared__ int n_active;
    const int window = blockIdx.x, tid = threadIdx.x, step = blockDim.x, warp = warp_id();
    columns += (size_t)window * n_columns * words;
    low += (size_t)window * n_columns;
    active += (size_t)window * n_columns;
    owner += (size_t)window * n_births;
    deaths += (size_t)window * n_births;
    kept += (size_t)window * n_births * words;
    counts += window * COUNTS;
    splits += (size_t)window * n_splits;
    relations += (size_t)window * room;
    if (counts[LIST_FULL] || counts[N_KILLED] == counts[N_BIRTHS]) return;
    if (counts[N_BIRTHS] > n_births) return;
    int* const owner_kept = owner;
    if (in_shared) {
        low = reinterpret_cast<int*>(dynamic_words());
        owner = low + n_columns;
    }
    for (int birth = tid; birth < n_births; birth += step)
        owner[birth] = first ? owner_kept[birth] : NOBODY;
    const int count = min(n_columns, min(room, ends[(size_t)(window + 1) * n_splits - 1]) - first);
    for (int c = warp; c < count; c += warps_per_block()) {
        const int birth = youngest(columns + (size_t)c * words, nullptr, words - 1);
        if (lane_id() == 0) low[c] = birth;
    }
    const Owners owners = {columns, kept, owner, words};
    int additions = 0;
    for (;;) {
        __syncthreads();
        if (tid == 0) n_active = 0;
        for (int c = tid; c < count; c += step)
            if (low[c] >= 0 && c < owner[low[c]]) atomicMin(&owner[low[c]], c);
        __syncthreads();
        for (int c = tid; c < count; c += step)
            if (low[c] >= 0 && owner[low[c]] != c) active[atomicAdd(&n_active, 1)] = c;
        __syncthreads();
        const int total = n_active;
        if (total == 0) break;
        for (int i = warp; i < total; i += warps_per_block()) {
            const int c = active[i];
            const int left =
                add_earlier(columns + (size_t)c * words, owners, c, low[c], additions);
            __syncwarp();
            if (lane_id() == 0) low[c] = left;
        }
    }
    for (int birth = warp; birth < n_births; birth += warps_per_block()) {
        const int holder = owner[birth];
        __syncwarp();
        if (lane_id() == 0) owner_kept[birth] = holder == NOBODY ? NOBODY : KEPT;
        if (holder == NOBODY || holder == KEPT) continue;
        for (int word = lane_id(); word < words; word += WARP)
            kept[(size_t)birth * words + word] = columns[(size_t)holder * words + word];
        __syncwarp();
        if (lane_id() == 0) {
            deaths[birth] = splits[relations[first + holder] >> 32];
            atomicAdd(&counts[N_KILLED], 1);
        }
    }
    if (lane_id() == 0 && additions) atomicAdd(&counts[ADDITIONS], additions);
}
