// Lunes between two bounds (see bounds.cuh), several of them in a warp.
//
// A row of bits is 4 LANES words, each lane of a group of LANES has four side by side, and a warp
// looks at WARP / LANES edges ab of one a at a time. All votes and shuffles are of the whole warp,
// so groups that are done wait for those that are not: a loop is as long as that of the last one.

template <int LANES>
struct PackedBounds {
    static constexpr int WORDS = 4, STEP = LEVELS * LANES;  // in fours of words, between vertices

    const unsigned *bits, *row_a;
    const uint4* rows;  // of this lane the four words
    int n, a, b, level, k;
    int my_vertex;         // where they begin
    unsigned group_lanes;  // a bit each
    unsigned inner[WORDS], outer[WORDS];

    // rows (n, LEVELS, LANES) of four words.
    __device__ __forceinline__ PackedBounds(const unsigned* bits, const unsigned* rows, int n, int a)
        : bits(in_register(bits)),
          row_a(in_register(bits + (size_t)a * n)),
          rows(reinterpret_cast<const uint4*>(in_register(rows + lane_id() % LANES * WORDS))),
          n(n),
          a(a),
          my_vertex(lane_id() % LANES * WORDS * WARP),
          group_lanes((ALL_LANES >> (WARP - LANES)) << lane_id() / LANES * LANES) {}

    __device__ __forceinline__ bool any_of_group(bool is_so) const {
        return LANES == 1 ? is_so : (__ballot_sync(ALL_LANES, is_so) & group_lanes) != 0;
    }

    __device__ __forceinline__ unsigned group_min(unsigned value) const {
#pragma unroll
        for (int step = LANES / 2; step; step /= 2)
            value = min(value, __shfl_xor_sync(ALL_LANES, value, step));
        return value;
    }

    __device__ __forceinline__ unsigned length(int u, int v) const {
        return __ldg(bits + (unsigned)(u * n + v));
    }

    __device__ __forceinline__ unsigned to_a(int v) const { return __ldg(row_a + (unsigned)v); }

    __device__ __forceinline__ void read(unsigned (&found)[WORDS], int u, int of_level) const {
        const uint4 four = __ldg(rows + (unsigned)(u * STEP + of_level * LANES));
        found[0] = four.x, found[1] = four.y, found[2] = four.z, found[3] = four.w;
    }

    // What rows of a level of both ends have in common.
    __device__ __forceinline__ void read_both(unsigned (&common)[WORDS], int of_level) const {
        unsigned near[WORDS];
        read(common, a, of_level);
        read(near, b, of_level);
        for (int w = 0; w < WORDS; ++w) common[w] &= near[w];
    }

    static __device__ __forceinline__ bool any(const unsigned (&mask)[WORDS]) {
        return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
    }

    // Lowest vertex of this lane's words, n if they are empty.
    __device__ __forceinline__ int my_lowest(const unsigned (&mask)[WORDS]) const {
        unsigned word = mask[WORDS - 1];
        int at = my_vertex + (WORDS - 1) * WARP;
        for (int w = WORDS - 2; w >= 0; --w)
            if (mask[w]) word = mask[w], at = my_vertex + w * WARP;
        return word ? at + __ffs(word) - 1 : n;
    }

    __device__ __forceinline__ int lowest(const unsigned (&mask)[WORDS]) const {
        return (int)group_min((unsigned)my_lowest(mask));
    }

    // Look at an edge of a; return a vertex of its inner bound, n if there is none: of those nearest
    // to both ends by the levels that are tried.
    __device__ __forceinline__ int enter(int other_end, int its_level, int length) {
        b = other_end, level = its_level, k = length;
        read_both(outer, level);
        read_both(inner, level - 1);
        unsigned nearest[WORDS], nearer[WORDS];
        constexpr unsigned FAR = 1u << 16;  // past every vertex
        unsigned tried = 3 * FAR;
        for (int w = 0; w < WORDS; ++w) nearest[w] = inner[w];
        const int tries[] = {NEAR_TRY, MIDDLE_TRY, FAR_TRY};
#pragma unroll
        for (int at = 2; at >= 0; --at) {
            read_both(nearer, (unsigned)(level * tries[at]) / WARP);
            if (any(nearer)) {
                tried = at * FAR;
                for (int w = 0; w < WORDS; ++w) nearest[w] = nearer[w];
            }
        }
        return (int)(group_min(tried + my_lowest(nearest)) % FAR);
    }

    // Let both bounds be the lune where the inner one has no vertex; return one of the lune that is
    // near to both ends, n if there is none, and the hub that there is elsewhere.
    __device__ __forceinline__ int made_exact(int hub) {
        const bool is_bare = hub == n;
        int mine = n;
        unsigned nearest = ~0u;
        for (int w = 0; w < WORDS; ++w) {
            unsigned kept = is_bare ? outer[w] : 0u;
            for (unsigned rest = kept; rest; rest &= rest - 1) {
                const int v = my_vertex + w * WARP + __ffs(rest) - 1;
                const unsigned av = to_a(v), bv = length(b, v);
                if (!in_lune((int)av, (int)bv, v, a, b, k)) {
                    kept ^= rest & (0u - rest);
                } else if (max(av, bv) < nearest) {
                    nearest = max(av, bv);
                    mine = v;
                }
            }
            if (is_bare) inner[w] = outer[w] = kept;
        }
        const unsigned least = group_min((nearest & ~(WARP - 1u)) | lane_id());
        const int found = __shfl_sync(ALL_LANES, mine, least % WARP);
        return is_bare ? found : hub;
    }

    // Keep of a mask what is in the lune and not joined to a hub.
    __device__ __forceinline__ void check(unsigned (&mask)[WORDS], int hub) const {
        for (int w = 0; w < WORDS; ++w)
            for (unsigned rest = mask[w]; rest; rest &= rest - 1) {
                const int v = my_vertex + w * WARP + __ffs(rest) - 1;
                const int av = (int)to_a(v), bv = (int)length(b, v), hv = (int)length(hub, v);
                if (!in_lune(av, bv, v, a, b, k) || joined(hv, hub, v, a, k))
                    mask[w] ^= rest & (0u - rest);
            }
    }

    // Take out of the missed vertices those with a path to the others, as in bounds.cuh; tell
    // whether this group came to a vertex that is joined to none.
    template <bool SURELY>
    __device__ __forceinline__ bool attach(unsigned (&missed)[WORDS]) const {
        for (bool is_stuck = false;;) {
            unsigned from[WORDS], near[WORDS], reached = 0;
            for (int w = 0; w < WORDS; ++w)
                from[w] = SURELY ? missed[w] & inner[w] : missed[w];
            const int u = lowest(from);
            const bool goes_on = u != n && !is_stuck;
            if (!__any_sync(ALL_LANES, goes_on)) return is_stuck;
            read(near, goes_on ? u : a, level - 1);
            for (int w = 0; w < WORDS; ++w) reached |= inner[w] & ~missed[w] & near[w];
            const bool meets = any_of_group(reached != 0);
            if (!goes_on) continue;
            is_stuck = !meets;
            if (meets)
                for (int w = 0; w < WORDS; ++w) missed[w] &= ~near[w];
        }
    }

    // Return the first code of an edge (see certificates.cuh), marked where it is to be listed.
    __device__ __forceinline__ int code_of(int other_end, int its_level, int length) {
        int hub = enter(other_end, its_level, length);
        if (__any_sync(ALL_LANES, hub == n)) hub = made_exact(hub);
        const bool is_empty = hub == n;
        unsigned missed[WORDS];
        read(missed, is_empty ? a : hub, level - 1);
        for (int w = 0; w < WORDS; ++w) missed[w] = is_empty ? 0u : outer[w] & ~missed[w];
        const bool has_all = !any_of_group(any(missed));
        int code = is_empty ? empty_code(n) : has_all ? hub : n + hub;
        if (!__any_sync(ALL_LANES, !has_all)) return code;
        attach<true>(missed);
        check(missed, hub);
        if (__any_sync(ALL_LANES, any(missed)) && attach<false>(missed)) code = marked_code(n);
        return code;
    }
};
