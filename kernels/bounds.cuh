// Lunes between two bounds, read from rows of bits.
//
// Let k = D[a,b] be of level j. Vertices in rows j - 1 of both a and b are in the lune of ab,
// whatever ties; those that are not in rows j of both are not. So an edge is settled without its
// lune where the vertices of the outer bound are all joined to one of the inner one by its row
// j - 1. Of those that are not, the lengths are asked.

// Of each lane the words of both bounds, one edge after another from a.
template <int WORDS>
struct Bounds {
    static constexpr bool FEW = WORDS <= 2;  // words are in registers, and side by side

    const unsigned *bits, *rows, *row_a, *row_b;
    int stride, n, used, a, b, k, level;
    unsigned keep[WORDS];   // all vertices but a, and none in a word that is not there
    unsigned inner[WORDS], outer[WORDS];

    // rows (n, LEVELS, stride), stride a multiple of 2 where two words are side by side, and of
    // WARP where there are more.
    __device__ __forceinline__ Bounds(
        const unsigned* bits, const unsigned* rows, int stride, int n, int a)
        : bits(bits), row_a(bits + (size_t)a * n), stride(stride), n(n), a(a) {
        const int step = FEW ? WORDS : 1, places = stride / step;
        this->rows = rows + step * min(lane_id(), places - 1);
        used = FEW ? WORDS : stride / WARP;
        for (int w = 0; w < words(); ++w) {
            keep[w] = a / WARP == word_at(w) ? ~(1u << a % WARP) : ALL_LANES;
            if (FEW && lane_id() >= places) keep[w] = 0;
        }
    }

    __device__ __forceinline__ int words() const { return FEW ? WORDS : used; }

    __device__ __forceinline__ int word_at(int w) const {
        return FEW ? WORDS * lane_id() + w : WARP * w + lane_id();
    }

    __device__ __forceinline__ void read(unsigned (&found)[WORDS], int u, int at_level) const {
        const unsigned* row = rows + ((unsigned)u * LEVELS + at_level) * (unsigned)stride;
        if constexpr (WORDS == 2) {
            const uint2 both = *reinterpret_cast<const uint2*>(row);
            found[0] = both.x;
            found[1] = both.y;
        } else {
            for (int w = 0; w < words(); ++w) found[w] = row[w * WARP];
        }
    }

    // Look at another edge of a.
    __device__ __forceinline__ void enter(int other_end, int length, int its_level) {
        b = other_end;
        k = length;
        level = its_level;
        row_b = bits + (size_t)b * n;
        unsigned near[WORDS];
        read(inner, a, level - 1);
        read(outer, a, level);
        read(near, b, level);
        for (int w = 0; w < words(); ++w) {
            const unsigned kept = b / WARP == word_at(w) ? keep[w] & ~(1u << b % WARP) : keep[w];
            outer[w] &= near[w] & kept;
        }
        read(near, b, level - 1);
        for (int w = 0; w < words(); ++w) inner[w] &= near[w] & outer[w];
    }

    // Of the lowest ROUNDS vertices in each lane's first word that is not empty, the one nearest to
    // the middle of ab by the sum of its squared distances to the ends; n if there is none.
    template <int ROUNDS>
    __device__ __forceinline__ int central(const unsigned (&mask)[WORDS]) const {
        int at = 0, mine = n;
        unsigned word = 0, nearest = ~0u;
        for (int w = words() - 1; w >= 0; --w)
            if (mask[w]) word = mask[w], at = word_at(w) * WARP;
#pragma unroll
        for (int round = 0; round < ROUNDS; ++round) {
            if (!word) break;
            const int v = at + __ffs(word) - 1;
            const float av = __uint_as_float(row_a[v]), bv = __uint_as_float(row_b[v]);
            const unsigned squares =
                __float_as_uint(__fadd_rn(__fmul_rn(av, av), __fmul_rn(bv, bv)));
            mine = squares < nearest ? v : mine;
            nearest = min(squares, nearest);
            word &= word - 1;
        }
        const unsigned least = warp_min(nearest);
        const unsigned holders = __ballot_sync(ALL_LANES, nearest == least);
        return __shfl_sync(ALL_LANES, mine, __ffs(holders) - 1);
    }

    // A vertex of a mask, n if it is empty.
    __device__ __forceinline__ int some_vertex(const unsigned (&mask)[WORDS]) const {
        int mine = n;
        for (int w = words() - 1; w >= 0; --w)
            if (mask[w]) mine = word_at(w) * WARP + __ffs(mask[w]) - 1;
        const unsigned holders = __ballot_sync(ALL_LANES, mine != n);
        return holders ? __shfl_sync(ALL_LANES, mine, __ffs(holders) - 1) : n;
    }

    // Keep of a mask what is in the lune and, with HUB, not joined to a hub; tell whether any is.
    template <bool HUB>
    __device__ __forceinline__ bool checked(unsigned (&mask)[WORDS], int hub) const {
        const unsigned* row_h = bits + (size_t)hub * n;
        unsigned any = 0;
        for (int w = 0; w < words(); ++w) {
            unsigned kept = mask[w];
            for (unsigned rest = kept; rest; rest &= rest - 1) {
                const int v = word_at(w) * WARP + __ffs(rest) - 1;
                const int av = (int)row_a[v], bv = (int)row_b[v], hv = HUB ? (int)row_h[v] : 0;
                if (!in_lune(av, bv, v, a, b, k) || (HUB && joined(hv, hub, v, a, k)))
                    kept ^= rest & (0u - rest);
            }
            any |= mask[w] = kept;
        }
        return __any_sync(ALL_LANES, any != 0);
    }

    // Let both bounds be the lune; tell whether it has a vertex.
    __device__ __forceinline__ bool is_made_exact() {
        const bool any = checked<false>(outer, a);
        for (int w = 0; w < words(); ++w) inner[w] = outer[w];
        return any;
    }

    // Find the vertices of the lune that a hub of the inner bound is not joined to.
    __device__ __forceinline__ bool misses(unsigned (&missed)[WORDS], int hub) const {
        unsigned any = 0;
        read(missed, hub, level - 1);
        for (int w = 0; w < words(); ++w) any |= missed[w] = outer[w] & ~missed[w];
        return __any_sync(ALL_LANES, any != 0) && checked<true>(missed, hub);
    }

    // Tell whether each missed vertex has a path to the others, found from it inwards: it is joined
    // to one of them, or to one that was missed and is. Clears those for which that is sure.
    //
    // False may mean that a path needs two steps from a vertex whose turn came early.
    __device__ __forceinline__ bool attaches(unsigned (&missed)[WORDS]) const {
        for (int u = some_vertex(missed); u < n; u = some_vertex(missed)) {
            unsigned near[WORDS], reached = 0;
            read(near, u, level - 1);
            for (int w = 0; w < words(); ++w) {
                reached |= inner[w] & ~missed[w] & near[w];
                missed[w] &= ~near[w];
            }
            if (!__any_sync(ALL_LANES, reached != 0)) return false;
        }
        return true;
    }

    // A vertex joined to the hub and to all that it misses, n if the search ends without.
    __device__ __forceinline__ int second_hub(const unsigned (&missed)[WORDS]) const {
        unsigned common[WORDS], left[WORDS], near[WORDS];
        for (int w = 0; w < words(); ++w) {
            common[w] = inner[w] & ~missed[w];
            left[w] = missed[w];
        }
        for (int round = 0; round < SECOND_TRIES; ++round) {
            read(near, some_vertex(left), level - 1);
            for (int w = 0; w < words(); ++w) common[w] &= near[w];
            const int other = central<1>(common);
            if (other == n) return n;
            unsigned any = 0;
            read(near, other, level - 1);
            for (int w = 0; w < words(); ++w) any |= left[w] = missed[w] & ~near[w];
            if (!__any_sync(ALL_LANES, any != 0)) return other;
        }
        return n;
    }
};
