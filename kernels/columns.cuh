// Columns of relations: a bit for each birth. Shared by relations.cu and reduction.cu.

#include "common.cuh"

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
