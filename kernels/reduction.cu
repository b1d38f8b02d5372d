// K6: the reduction of the columns of relations over Z/2.

#include "common.cuh"
#include "lune.cuh"
#include "columns.cuh"

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
// is 2: (n_columns + n_births,) or (3 n_columns + n_births,) words. counts[N_KILLED] and
// counts[ADDITIONS] grow; nothing is done if counts[LIST_FULL] is set, once all births are dead, or
// where they are more than n_births.
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
