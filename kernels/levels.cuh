// Rows of bits: which vertices are surely joined, and which may be.
//
// A window has LEVELS lengths, t_0 = 0 <= t_1 <= ... <= t_last, of which the last is just beyond
// its longest edge. Bit v % 32 of word v / 32 of row (u, j) tells whether D[u,v] < t_j or v = u.
//
// levels (windows, LEVELS); rows (windows, n, LEVELS, stride). The level of a length is the j with
// t_(j-1) <= length < t_j: what is in a row j - 1 is shorter, what is not in row j is longer.

static_assert((LEVELS & (LEVELS - 1)) == 0 && LEVELS >= 4);

// The level of a length, from 1 to LEVELS - 1; the last one for those that are longer, too.
__device__ __forceinline__ int level_of(const unsigned* levels, unsigned length) {
    int level = 0;
#pragma unroll
    for (int step = LEVELS / 2; step; step /= 2)
        if (levels[level + step - 1] <= length) level += step;
    return level;
}
