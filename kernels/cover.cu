// The ghost cover on a device: the same landmarks, radii and bounds as row after row on the host.
//
// Rows that join change no landmark, so all rows up to the next one that opens a landmark are
// independent. cover_nearest finds every row's nearest landmark; cover_take, a block a window, goes
// from one row that opens a landmark to the next, and lets the new one compete for the rows behind.
// Member distances are entered in the queue bucket by bucket: of a run of rows of one bucket, the
// largest distance with the number of the last row leaves what entering them one by one leaves.

#include "cover.cuh"

// What the threads of a block share.
struct Shared {
    int first, end;
    unsigned long long largest;
    row_t row;
    double radius;
};

// The chunk of rows that is being taken: their places, and their nearest landmarks so far.
struct Chunk {
    const double* places;
    int* slot;
    double *gap, *distance;
    row_t first;
    int count;
};

__device__ __forceinline__ Chunk chunk_of(const Window& window, int dim, double* places, int* slot,
                                          double* gap, double* distance) {
    const size_t at = (size_t)window.scratch;
    return {places + at * dim, slot + at, gap + at, distance + at,
            window.first,      (int)(window.stop - window.first)};
}

// Count the used slots and find the highest one. All threads of a block.
__device__ __forceinline__ void recount(Cover& c, Shared& shared) {
    __syncthreads();
    if (threadIdx.x == 0) shared.first = shared.end = 0;
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x)
        if (c.newest[slot] != FREE_SLOT) {
            atomicAdd(&shared.first, 1);
            atomicMax(&shared.end, slot + 1);
        }
    __syncthreads();
    if (threadIdx.x == 0) {
        c.counts[USED] = shared.first;
        c.counts[HIGH] = shared.end;
    }
    __syncthreads();
}

// Close the landmarks whose members are all older than a row. All threads of a block.
__device__ __forceinline__ void expire(Cover& c, row_t live, Shared& shared) {
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x)
        if (c.newest[slot] != FREE_SLOT && c.newest[slot] < live) close_slot(c, slot);
    recount(c, shared);
}

// Where the largest value that is not negative stands, the first of equals. All threads of a block.
__device__ __forceinline__ int place_of_largest(const double* values, int count, Shared& shared) {
    __syncthreads();
    if (threadIdx.x == 0) {
        shared.largest = 0;
        shared.first = count;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        if (values[i] >= 0.0)
            atomicMax(&shared.largest, (unsigned long long)__double_as_longlong(values[i]));
    __syncthreads();
    const double largest = __longlong_as_double((long long)shared.largest);
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        if (values[i] == largest) atomicMin(&shared.first, i);
    __syncthreads();
    const int place = shared.first;
    __syncthreads();
    return place;
}

// Fill absorber and nearest by farthest-point selection; return the largest distance. All slots
// are used, that of the newest member comes first. All threads of a block.
__device__ __forceinline__ double select_farthest(Cover& c, int keep, Shared& shared) {
    __syncthreads();
    if (threadIdx.x == 0) shared.row = FREE_SLOT;
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x) {
        c.nearest[slot] = no_distance();
        atomicMax(&shared.row, c.newest[slot]);
    }
    __syncthreads();
    if (threadIdx.x == 0) shared.first = c.k;
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x)
        if (c.newest[slot] == shared.row) atomicMin(&shared.first, slot);
    __syncthreads();
    int chosen = shared.first;
    __syncthreads();
    for (int step = 0; step < keep; ++step) {
        for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x) {
            double gap = 0.0;
            for (int axis = 0; axis < c.dim; ++axis) {
                const double* column = c.columns + (size_t)axis * c.k;
                const double to = __dsub_rn(column[slot], column[chosen]);
                const double part = c.kind == SQUARES ? __dmul_rn(to, to) : fabs(to);
                if (axis == 0)
                    gap = part;
                else
                    gap = c.kind == LARGEST ? fmax(gap, part) : __dadd_rn(gap, part);
            }
            if (gap < c.nearest[slot]) {
                c.nearest[slot] = gap;
                c.absorber[slot] = chosen;
            }
            if (slot == chosen) {
                c.nearest[slot] = -1.0;
                c.absorber[slot] = chosen;
            }
        }
        chosen = place_of_largest(c.nearest, c.k, shared);
    }
    return distance_of(c, chosen < c.k ? fmax(c.nearest[chosen], 0.0) : 0.0);
}

// Keep three quarters of the landmarks; see `_thin` of the host. All threads of a block.
//
// A keeper takes over the newest member of those it absorbs, the lowest slot first among equals.
__device__ __noinline__ void thin(Cover& c, row_t row, row_t bucket, Shared& shared) {
    const int keep = 3 * c.k / 4;
    if (keep == 0) return;
    const double radius = select_farthest(c, keep, shared);
    __syncthreads();
    for (int keeper = threadIdx.x; keeper < c.k; keeper += blockDim.x) {
        if (c.absorber[keeper] != keeper) continue;
        row_t newest = c.newest[keeper];
        int from = keeper;
        for (int slot = 0; slot < c.k; ++slot)
            if (c.absorber[slot] == keeper && c.newest[slot] > newest) {
                newest = c.newest[slot];
                from = slot;
            }
        if (from == keeper) continue;
        const double away = distance_of(c, c.nearest[from]);
        c.newest[keeper] = newest;
        c.back[keeper] = __dmul_rn(__dadd_rn(away, c.back[from]), UP);
    }
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x)
        if (c.absorber[slot] != slot) close_slot(c, slot);
    for (int i = threadIdx.x; i < c.counts[SIZE]; i += blockDim.x) {
        const int at = (int)((c.counts[HEAD] + i) % c.length);
        c.bound[at] = __dmul_rn(__dadd_rn(c.bound[at], radius), UP);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        note_distance(c, row - 1, bucket, radius);
        c.rho[0] = fmax(c.rho[0], __dmul_rn(radius, WIDER));
        c.counts[LOOSE] = 1;
    }
    recount(c, shared);
}

// Enter what the joined rows from, ..., to - 1 of a chunk brought; -1 in slot: it opened a landmark.
// All threads of a block.
__device__ __noinline__ void commit(
    Cover& c, const Ring& ring, const Chunk& chunk, int from, int to, row_t slide, Shared& shared) {
    __syncthreads();
    for (int i = from + threadIdx.x; i < to; i += blockDim.x)
        if (chunk.slot[i] >= 0) atomicMax(&c.newest[chunk.slot[i]], chunk.first + i);
    __syncthreads();
    for (int i = from + threadIdx.x; i < to; i += blockDim.x)
        if (chunk.slot[i] >= 0 && c.newest[chunk.slot[i]] == chunk.first + i)
            c.back[chunk.slot[i]] = chunk.distance[i];
    while (from < to) {
        const row_t bucket = floor_div(ring.time(chunk.first + from), slide);
        __syncthreads();
        if (threadIdx.x == 0) {
            shared.end = to;
            shared.largest = 0;
            shared.row = -1;
        }
        __syncthreads();
        for (int i = from + threadIdx.x; i < to; i += blockDim.x)
            if (floor_div(ring.time(chunk.first + i), slide) != bucket) {
                atomicMin(&shared.end, i);
                break;
            }
        __syncthreads();
        const int end = shared.end;
        for (int i = from + threadIdx.x; i < end; i += blockDim.x)
            if (chunk.slot[i] >= 0 && chunk.distance[i] > 0.0) {
                const long long bits = __double_as_longlong(chunk.distance[i]);
                atomicMax(&shared.largest, (unsigned long long)bits);
                atomicMax(&shared.row, chunk.first + i);
            }
        __syncthreads();
        if (threadIdx.x == 0 && shared.row >= 0)
            note_distance(c, shared.row, bucket, __longlong_as_double((long long)shared.largest));
        from = end;
    }
    __syncthreads();
}

// Find the nearest landmark of each row of a chunk. NEAREST_LANES lanes a row; grid (blocks, windows).
//
// places (any, dim), slot, gap, distance (any,): written, those of a window one after another.
extern "C" __global__ void cover_nearest(const Window* windows, int dim, int length, int kind,
                                         int scaled, double* places, int* slot, double* gap,
                                         double* distance) {
    const Window window = windows[blockIdx.y];
    const int i = (blockIdx.x * blockDim.x + threadIdx.x) / NEAREST_LANES;
    const row_t row = window.first + i;
    const Cover c = cover_of(window, dim, length, kind, scaled);
    const Ring ring = ring_of(window, dim);
    const size_t at = (size_t)window.scratch + i;
    const bool has_row = row < window.stop, is_first = threadIdx.x % NEAREST_LANES == 0;
    const double* point = ring.point(has_row ? row : window.first);
    double* x = places + at * dim;
    if (has_row && is_first) place(c, point, x);
    __syncwarp();
    const Nearest found = nearest_by_lanes(c, point, x, has_row);
    if (!has_row || !is_first) return;
    slot[at] = found.slot;
    gap[at] = found.gap;
    distance[at] = found.distance;
}

// Look again for the nearest landmark of the rows from, ... of a chunk: of all, or of those whose
// landmark was closed. All threads of a block.
__device__ __forceinline__ void refresh(
    const Cover& c, const Ring& ring, const Chunk& chunk, int from, bool all) {
    for (int i = from + threadIdx.x; i < chunk.count; i += blockDim.x) {
        if (!all && c.newest[chunk.slot[i]] != FREE_SLOT) continue;
        const double* x = chunk.places + (size_t)i * c.dim;
        const Nearest found = nearest_of(c, ring.point(chunk.first + i), x);
        chunk.slot[i] = found.slot;
        chunk.gap[i] = found.gap;
        chunk.distance[i] = found.distance;
    }
    __syncthreads();
}

// Open a landmark at a row of a chunk, in the lowest free slot. All threads of a block.
__device__ __forceinline__ void open_landmark(
    Cover& c, const Ring& ring, const Chunk& chunk, int i, Shared& shared) {
    __syncthreads();
    if (threadIdx.x == 0) shared.first = c.k;
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.k; slot += blockDim.x)
        if (c.newest[slot] == FREE_SLOT) {
            atomicMin(&shared.first, slot);
            break;
        }
    __syncthreads();
    const int slot = shared.first;
    const row_t row = chunk.first + i;
    for (int axis = threadIdx.x; axis < c.dim; axis += blockDim.x) {
        c.columns[(size_t)axis * c.k + slot] = chunk.places[(size_t)i * c.dim + axis];
        if (c.scaled) c.raw[(size_t)slot * c.dim + axis] = ring.point(row)[axis];
    }
    if (threadIdx.x == 0) {
        c.ids[slot] = ring.ids[ring.at(row)];
        c.newest[slot] = row;
        c.back[slot] = 0.0;
        c.counts[USED] += 1;
        if (c.counts[HIGH] < slot + 1) c.counts[HIGH] = slot + 1;
        chunk.slot[i] = -1;
    }
    __syncthreads();
    for (int j = i + 1 + threadIdx.x; j < chunk.count; j += blockDim.x) {
        const double* x = chunk.places + (size_t)j * c.dim;
        Nearest found = {chunk.slot[j], chunk.gap[j], chunk.distance[j]};
        compete(c, ring.point(chunk.first + j), x, slot, found);
        chunk.slot[j] = found.slot;
        chunk.gap[j] = found.gap;
        chunk.distance[j] = found.distance;
    }
    __syncthreads();
}

// Let the rows of a chunk join or open landmarks, as if one by one in their order.
//
// A block a window. The rest from cover_nearest.
extern "C" __global__ void __launch_bounds__(COVER_THREADS)
    cover_take(const Window* windows, int dim, int length, int kind, int scaled, double* places,
               int* slot, double* gap, double* distance) {
    __shared__ Shared shared;
    const Window window = windows[blockIdx.x];
    Cover c = cover_of(window, dim, length, kind, scaled);
    const Ring ring = ring_of(window, dim);
    const Chunk chunk = chunk_of(window, dim, places, slot, gap, distance);
    const row_t first = window.first;
    int cursor = (int)max((row_t)0, c.counts[SEEN] - first), committed = cursor;
    while (cursor < chunk.count) {
        __syncthreads();
        if (threadIdx.x == 0) shared.first = chunk.count;
        __syncthreads();
        for (int i = cursor + threadIdx.x; i < chunk.count; i += blockDim.x)
            if (!(chunk.distance[i] <= c.rho[0])) {
                atomicMin(&shared.first, i);
                break;
            }
        __syncthreads();
        const int far = shared.first;
        if (far == chunk.count) break;
        const row_t row = first + far;
        cursor = far;
        if (c.counts[USED] == c.k) {
            commit(c, ring, chunk, committed, far, window.slide, shared);
            committed = far;
            expire(c, max(window.live, row + 1 - window.capacity), shared);
            if (c.counts[USED] == c.k) {
                thin(c, row, floor_div(ring.time(row), window.slide), shared);
                refresh(c, ring, chunk, far, true);
                if (threadIdx.x == 0 && c.counts[USED] == c.k)
                    c.rho[0] = fmax(c.rho[0], chunk.distance[far]);
                __syncthreads();
                if (chunk.distance[far] <= c.rho[0]) continue;
            } else
                refresh(c, ring, chunk, far + 1, false);
        }
        open_landmark(c, ring, chunk, far, shared);
        cursor = far + 1;
    }
    commit(c, ring, chunk, committed, chunk.count, window.slide, shared);
    if (threadIdx.x == 0 && c.counts[SEEN] < window.stop) c.counts[SEEN] = window.stop;
}

// Free the landmarks without a live row, and tell, before the reals of the cover, the covering radius,
// rho, the number of slots used, and whether bounds have grown since they were measured.
//
// Once for each tick, rho becomes 0 where the cover is exact, and is lowered where less than half of
// the slots are used. A block a window.
extern "C" __global__ void __launch_bounds__(COVER_THREADS)
    cover_settle(const Window* windows, int dim, int length, int kind, int scaled) {
    __shared__ Shared shared;
    const Window window = windows[blockIdx.x];
    Cover c = cover_of(window, dim, length, kind, scaled);
    const row_t live = window.live;
    expire(c, live, shared);
    if (threadIdx.x == 0) {
        while (c.counts[SIZE] > 0 && c.last[c.counts[HEAD]] < live) {
            c.counts[HEAD] = (c.counts[HEAD] + 1) % c.length;
            --c.counts[SIZE];
        }
        const double bound_of_all = c.counts[SIZE] > 0 ? c.bound[c.counts[HEAD]] : 0.0;
        shared.largest = (unsigned long long)__double_as_longlong(bound_of_all);
    }
    __syncthreads();
    for (int slot = threadIdx.x; slot < c.counts[HIGH]; slot += blockDim.x)
        if (c.newest[slot] != FREE_SLOT)
            atomicMax(&shared.largest, (unsigned long long)__double_as_longlong(c.back[slot]));
    __syncthreads();
    if (threadIdx.x != 0) return;
    const double radius = __longlong_as_double((long long)shared.largest);
    const row_t used = c.counts[USED], tick = window.tick;
    if (tick > c.counts[SETTLED]) {
        c.counts[SETTLED] = tick;
        const double share = __ddiv_rn((double)used, (double)c.k);
        const double factor = share < 0.125 ? 0.5 : share < 0.25 ? 0.75 : 0.9;
        if (radius == 0.0)
            c.rho[0] = 0.0;
        else if (2 * used < c.k)
            c.rho[0] = fmin(__dmul_rn(c.rho[0], factor), radius);
    }
    double* told = window.reals - COVER_TOLD;
    told[0] = radius;
    told[1] = c.rho[0];
    told[2] = (double)used;
    told[3] = (double)c.counts[LOOSE];
}

// Let all live rows, whose nearest landmarks cover_nearest has found, join these: all bounds are
// distances then. A block a window; no landmark opens or closes.
extern "C" __global__ void __launch_bounds__(COVER_THREADS)
    cover_measure(const Window* windows, int dim, int length, int kind, int scaled, double* places,
                  int* slot, double* gap, double* distance) {
    __shared__ Shared shared;
    const Window window = windows[blockIdx.x];
    Cover c = cover_of(window, dim, length, kind, scaled);
    const Ring ring = ring_of(window, dim);
    const Chunk chunk = chunk_of(window, dim, places, slot, gap, distance);
    for (int s = threadIdx.x; s < c.counts[HIGH]; s += blockDim.x) {
        if (c.newest[s] == FREE_SLOT) continue;
        const double* x = chunk.places + (size_t)(c.newest[s] - window.first) * dim;
        const double to = gap_to(c, x, s);
        const bool same = to == 0.0 && is_landmark(c, s, ring.point(c.newest[s]), x);
        c.back[s] = same ? 0.0 : distance_of(c, to);
    }
    if (threadIdx.x == 0) c.counts[SIZE] = 0;
    commit(c, ring, chunk, 0, chunk.count, window.slide, shared);
    if (threadIdx.x == 0) c.counts[LOOSE] = 0;
}
