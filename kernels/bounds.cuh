// Lunes between two bounds, read from rows of bits.
//
// Let k = D[a,b] be of level j. Vertices in rows j - 1 of both a and b are in the lune of ab,
// whatever ties: the inner bound. Those that are not in rows j of both are not in it: the outer one,
// which holds a and b besides. So an edge is settled without its lune where the row j - 1 of a
// vertex of the inner bound, which has a and b, has all of the outer one. Of those it has not, the
// lengths are asked.

// The same value, of which the compiler does not know how it came about: it stays in a register,
// and is not made again, or added to sums of indices, at each use.
template <class T>
__device__ __forceinline__ T in_register(T value) {
    return __shfl_sync(ALL_LANES, value, lane_id());
}

__device__ __forceinline__ const unsigned* in_register(const unsigned* pointer) {
    return (const unsigned*)in_register((unsigned long long)pointer);
}

// Of each lane the words of both bounds, one edge after another from a.
template <int WORDS>
struct Bounds {
    static constexpr bool FEW = WORDS <= 2;  // words are in registers, and side by side

    const unsigned *bits, *row_a, *below, *here;  // rows of the level below, and of the edge's own
    int n, a, b, stride, used, step, at_level;
    unsigned my_length;
    int my_vertex;   // where the first word of this lane begins
    int share_from;  // whose word this lane shares in the choice of a vertex
    unsigned my_share;
    unsigned is_there;  // all ones where this lane has words
    unsigned inner[WORDS] = {}, outer[WORDS] = {};

    // rows (n, LEVELS, stride), stride a multiple of 2 where two words are side by side, and of
    // WARP where there are more. Lane b % WARP has the length of an edge ab that will be entered.
    __device__ __forceinline__ Bounds(const unsigned* bits, const unsigned* rows, int stride, int n,
                                      int a, unsigned my_length)
        : bits(in_register(bits)),
          row_a(in_register(bits + (size_t)a * n)),
          n(n),
          a(a),
          stride(stride),
          used(FEW ? WORDS : stride / WARP),
          step(LEVELS * stride),
          my_length(my_length) {
        const int side = FEW ? WORDS : 1, places = FEW ? stride / WORDS : WARP;
        const unsigned* mine = rows + side * min(lane_id(), places - 1);
        below = in_register(mine);
        here = in_register(mine + stride);
        my_vertex = in_register(lane_id() * side * WARP);
        int shares = 1;
        while (FEW && 2 * shares * places <= WARP) shares *= 2;
        const int bits_each = WARP / shares;
        share_from = lane_id() / shares;
        my_share = ALL_LANES >> (WARP - bits_each) << lane_id() % shares * bits_each;
        is_there = in_register(lane_id() < places ? ALL_LANES : 0u);
    }

    __device__ __forceinline__ int words() const { return FEW ? WORDS : used; }

    // The first vertex of a word.
    __device__ __forceinline__ int vertex_at(int w) const {
        return my_vertex + w * (FEW ? WARP : CHUNK);
    }

    __device__ __forceinline__ unsigned length(int u, int v) const {
        return __ldg(bits + (unsigned)(u * n + v));
    }

    __device__ __forceinline__ unsigned to_a(int v) const { return __ldg(row_a + (unsigned)v); }

    // Of a vertex the words of this lane.
    __device__ __forceinline__ void read(
        unsigned (&found)[WORDS], const unsigned* level_rows, int u) const {
        const unsigned* row = level_rows + (unsigned)(u * step + at_level);
        if constexpr (WORDS == 2) {
            const uint2 both = __ldg(reinterpret_cast<const uint2*>(row));
            found[0] = both.x;
            found[1] = both.y;
        } else {
            for (int w = 0; w < words(); ++w) found[w] = __ldg(row + w * WARP);
        }
    }

    // Look at another edge of a.
    __device__ __forceinline__ void enter(int other_end, int level) {
        b = other_end;
        at_level = (level - 1) * stride;
        unsigned near[WORDS];
        read(outer, here, a);
        read(near, here, b);
        for (int w = 0; w < words(); ++w) outer[w] &= near[w] & is_there;
        read(inner, below, a);
        read(near, below, b);
        for (int w = 0; w < words(); ++w) inner[w] &= near[w] & outer[w];
    }

    // Of the lowest ROUNDS vertices in each lane's first word that is not empty, or its share of one,
    // one that is nearest to the middle of ab, but for rounding, by the sum of its squared distances
    // to the ends; n if there is none.
    template <int ROUNDS>
    __device__ __forceinline__ int central(const unsigned (&mask)[WORDS]) const {
        int at = vertex_at(0), mine = n;
        unsigned word = mask[0], nearest = ~0u;
        for (int w = 1; w < words(); ++w)
            if (!word) word = mask[w], at = vertex_at(w);
        if (WORDS == 1) {
            word = __shfl_sync(ALL_LANES, word, share_from) & my_share;
            at = share_from * WARP;
        }
#pragma unroll
        for (int round = 0; round < ROUNDS; ++round) {
            if (!word) break;
            const int v = at + __ffs(word) - 1;
            const float av = __uint_as_float(to_a(v)), bv = __uint_as_float(length(b, v));
            const unsigned squares =
                __float_as_uint(__fadd_rn(__fmul_rn(av, av), __fmul_rn(bv, bv)));
            mine = squares < nearest ? v : mine;
            nearest = min(squares, nearest);
            word &= word - 1;
        }
        const unsigned least = warp_min((nearest & ~(WARP - 1u)) | lane_id());
        return __shfl_sync(ALL_LANES, mine, least % WARP);
    }

    // A vertex of a mask, n if it is empty.
    __device__ __forceinline__ int some_vertex(const unsigned (&mask)[WORDS]) const {
        int mine = n;
        for (int w = words() - 1; w >= 0; --w)
            if (mask[w]) mine = vertex_at(w) + __ffs(mask[w]) - 1;
        const unsigned holders = __ballot_sync(ALL_LANES, mine != n);
        return holders ? __shfl_sync(ALL_LANES, mine, __ffs(holders) - 1) : n;
    }

    // Keep of a mask what is in the lune and, with HUB, not joined to a hub; tell whether any is.
    template <bool HUB>
    __device__ __forceinline__ bool checked(unsigned (&mask)[WORDS], int hub) const {
        const int k = (int)__shfl_sync(ALL_LANES, my_length, (unsigned)b % WARP);
        unsigned any = 0;
        for (int w = 0; w < words(); ++w) {
            unsigned kept = mask[w];
            for (unsigned rest = kept; rest; rest &= rest - 1) {
                const int v = vertex_at(w) + __ffs(rest) - 1;
                const int av = (int)to_a(v), bv = (int)length(b, v);
                const int hv = HUB ? (int)length(hub, v) : 0;
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

    // Find the vertices of the outer bound to which a hub of the inner one is not surely joined.
    __device__ __forceinline__ bool misses(unsigned (&missed)[WORDS], int hub) const {
        unsigned any = 0;
        read(missed, below, hub);
        for (int w = 0; w < words(); ++w) any |= missed[w] = outer[w] & ~missed[w];
        return __any_sync(ALL_LANES, any != 0);
    }

    // Take out of the missed vertices those with a path to the others, found from it inwards: such
    // a one is joined to one of them, or to a vertex that was missed and is; with SURELY only from
    // those that are in the inner bound. Tell whether it came to a vertex that is joined to none.
    template <bool SURELY>
    __device__ __forceinline__ bool attach(unsigned (&missed)[WORDS]) const {
        for (;;) {
            unsigned from[WORDS], near[WORDS], reached = 0;
            for (int w = 0; w < words(); ++w)
                from[w] = SURELY ? missed[w] & inner[w] : missed[w];
            const int u = some_vertex(from);
            if (u == n) return false;
            read(near, below, u);
            for (int w = 0; w < words(); ++w) reached |= inner[w] & ~missed[w] & near[w];
            if (!__any_sync(ALL_LANES, reached != 0)) return true;
            for (int w = 0; w < words(); ++w) missed[w] &= ~near[w];
        }
    }

    // Tell whether each missed vertex of the lune has a path to the hub. Lengths are asked last.
    //
    // False may mean that a path needs two steps from a vertex whose turn came early.
    __device__ __forceinline__ bool attaches(unsigned (&missed)[WORDS], int hub) const {
        attach<true>(missed);
        return !checked<true>(missed, hub) || !attach<false>(missed);
    }

    // A vertex joined to the hub and to all that it misses, n if the search ends without.
    __device__ __forceinline__ int second_hub(const unsigned (&missed)[WORDS]) const {
        unsigned common[WORDS], left[WORDS], near[WORDS];
        for (int w = 0; w < words(); ++w) {
            common[w] = inner[w] & ~missed[w];
            left[w] = missed[w];
        }
        for (int round = 0; round < SECOND_TRIES; ++round) {
            read(near, below, some_vertex(left));
            for (int w = 0; w < words(); ++w) common[w] &= near[w];
            const int other = central<1>(common);
            if (other == n) return n;
            unsigned any = 0;
            read(near, below, other);
            for (int w = 0; w < words(); ++w) any |= left[w] = missed[w] & ~near[w];
            if (!__any_sync(ALL_LANES, any != 0)) return other;
        }
        return n;
    }

    __device__ __forceinline__ bool is_empty(const unsigned (&mask)[WORDS]) const {
        unsigned any = 0;
        for (int w = 0; w < words(); ++w) any |= mask[w];
        return !__any_sync(ALL_LANES, any != 0);
    }

    // Lowest vertex of a mask, n if it is empty.
    __device__ __forceinline__ int lowest(const unsigned (&mask)[WORDS]) const {
        int mine = n;
        for (int w = words() - 1; w >= 0; --w)
            if (mask[w]) mine = vertex_at(w) + __ffs(mask[w]) - 1;
        return (int)warp_min((unsigned)mine);
    }

    __device__ __forceinline__ void put(unsigned (&mask)[WORDS], int v) const {
        for (int w = 0; w < words(); ++w)
            if (v / WARP == vertex_at(w) / WARP) mask[w] |= 1u << v % WARP;
    }

    __device__ __forceinline__ void drop(unsigned (&mask)[WORDS], int v) const {
        for (int w = 0; w < words(); ++w)
            if (v / WARP == vertex_at(w) / WARP) mask[w] &= ~(1u << v % WARP);
    }

    // Move a vertex and what can be reached from it out of a mask; tell whether all of it went.
    __device__ __forceinline__ bool flood(unsigned (&remaining)[WORDS], int from) const {
        const int k = (int)__shfl_sync(ALL_LANES, my_length, (unsigned)b % WARP);
        unsigned frontier[WORDS] = {};
        drop(remaining, from);
        for (int u = from; u < n; u = some_vertex(frontier)) {
            unsigned near[WORDS], possible[WORDS];
            drop(frontier, u);
            read(near, below, u);
            read(possible, here, u);
            for (int w = 0; w < words(); ++w) {
                near[w] &= remaining[w];
                for (unsigned rest = possible[w] & remaining[w] & ~near[w]; rest; rest &= rest - 1) {
                    const int v = vertex_at(w) + __ffs(rest) - 1;
                    if (joined((int)length(u, v), u, v, a, k)) near[w] |= rest & (0u - rest);
                }
                remaining[w] ^= near[w];
                frontier[w] |= near[w];
            }
            if (is_empty(remaining)) return true;
        }
        return false;
    }

    // Write the vertices of a mask in ascending order; clears it.
    __device__ __forceinline__ void write(unsigned (&mask)[WORDS], unsigned short* out) const {
        for (int v = lowest(mask); v < n; v = lowest(mask), ++out) {
            if (lane_id() == 0) *out = (unsigned short)v;
            drop(mask, v);
        }
    }
};
