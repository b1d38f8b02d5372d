// A ghost cover in float64: the rules, and in places the words, of persistence/kernels/cover.py.
//
// At most k landmarks in slots. A free slot has coordinates inf and newest FREE_SLOT. Distances:
// coordinates in order, no FMA. The gap of two rows compares as their distance does.

#include "common.cuh"
#include "windows.cuh"

[[maybe_unused]] constexpr int SQUARES = 0, SUM = 1, LARGEST = 2;
constexpr row_t FREE_SLOT = -1;
constexpr double TINY = 0x1p-500, UP = 1.0 + 0x1p-50, WIDER = 1.1;
constexpr unsigned long long INFINITE_BITS = 0x7ff0000000000000ull;
// places in counts
constexpr int SEEN = 0, USED = 1, HIGH = 2, HEAD = 3, SIZE = 4, SETTLED = 5, LOOSE = 6;

__device__ __forceinline__ double no_distance() { return __longlong_as_double(INFINITE_BITS); }

__device__ __forceinline__ row_t floor_div(row_t a, row_t b) {
    const row_t q = a / b;
    return q * b > a ? q - 1 : q;
}

// The cover of one window, with the names of State in persistence/kernels/cover_state.py.
//
// In float64: columns (dim, k), raw (k or 0, dim), back, nearest (k,), bound (length,), rho (1,);
// in int64: ids, newest, absorber (k,), last, bucket (length,), counts (7,); one after another.
struct Cover {
    double *columns, *raw, *back, *nearest, *bound, *rho;
    row_t *ids, *newest, *absorber, *last, *bucket, *counts;
    int k, dim, kind, length;
    bool scaled;
};

__device__ __forceinline__ Cover cover_of(
    const Window& window, int dim, int length, int kind, int scaled) {
    const int k = (int)window.k;
    const size_t coordinates = (size_t)k * dim, raw = scaled ? coordinates : 0;
    double* reals = window.reals;
    row_t* numbers = window.numbers;
    Cover c;
    c.columns = reals;
    c.raw = c.columns + coordinates;
    c.back = c.raw + raw;
    c.nearest = c.back + k;
    c.bound = c.nearest + k;
    c.rho = c.bound + length;
    c.ids = numbers;
    c.newest = c.ids + k;
    c.absorber = c.newest + k;
    c.last = c.absorber + k;
    c.bucket = c.last + length;
    c.counts = c.bucket + length;
    c.k = k;
    c.dim = dim;
    c.kind = kind;
    c.length = length;
    c.scaled = scaled != 0;
    return c;
}

// The rows of one window by number.
struct Ring {
    const double* points;
    const row_t *times, *ids;
    row_t capacity;
    int dim;

    __device__ __forceinline__ size_t at(row_t row) const { return (size_t)(row % capacity); }
    __device__ __forceinline__ const double* point(row_t row) const {
        return points + at(row) * dim;
    }
    __device__ __forceinline__ row_t time(row_t row) const { return times[at(row)]; }
};

__device__ __forceinline__ Ring ring_of(const Window& window, int dim) {
    return {window.points, window.times, window.ids, window.capacity, dim};
}

__device__ __forceinline__ double largest_of(const double* point, int dim) {
    double largest = 0.0;
    for (int axis = 0; axis < dim; ++axis) largest = fmax(largest, fabs(point[axis]));
    return largest;
}

// Where a row lies: scaled to length one if asked for.
__device__ __forceinline__ void place(const Cover& c, const double* point, double* x) {
    if (!c.scaled) {
        for (int axis = 0; axis < c.dim; ++axis) x[axis] = point[axis];
        return;
    }
    const double largest = largest_of(point, c.dim);
    double total = 0.0;
    for (int axis = 0; axis < c.dim; ++axis) {
        x[axis] = __ddiv_rn(point[axis], largest);
        total = __dadd_rn(total, __dmul_rn(x[axis], x[axis]));
    }
    const double length = __dsqrt_rn(total);
    for (int axis = 0; axis < c.dim; ++axis) x[axis] = __ddiv_rn(x[axis], length);
}

__device__ __forceinline__ double gap_to(const Cover& c, const double* x, int slot) {
    double gap = 0.0;
    for (int axis = 0; axis < c.dim; ++axis) {
        const double step = __dsub_rn(c.columns[(size_t)axis * c.k + slot], x[axis]);
        const double part = c.kind == SQUARES ? __dmul_rn(step, step) : fabs(step);
        if (axis == 0)
            gap = part;
        else
            gap = c.kind == LARGEST ? fmax(gap, part) : __dadd_rn(gap, part);
    }
    return gap;
}

// The distance of two different points.
__device__ __forceinline__ double distance_of(const Cover& c, double gap) {
    return c.kind == SQUARES ? fmax(__dsqrt_rn(gap), TINY) : gap;
}

// Tell whether a row is the landmark itself: a gap of 0 may be an underflow.
__device__ __forceinline__ bool is_landmark(
    const Cover& c, int slot, const double* point, const double* x) {
    if (!c.scaled) {
        for (int axis = 0; axis < c.dim; ++axis)
            if (c.columns[(size_t)axis * c.k + slot] != x[axis]) return false;
        return true;
    }
    const double* other = c.raw + (size_t)slot * c.dim;
    const double mine = largest_of(point, c.dim), theirs = largest_of(other, c.dim);
    for (int axis = 0; axis < c.dim; ++axis)
        if (__ddiv_rn(other[axis], theirs) != __ddiv_rn(point[axis], mine)) return false;
    return true;
}

// The nearest landmark of a row, the lowest slot of equals, its gap and its distance.
struct Nearest {
    int slot;
    double gap, distance;
};

// The distance of the nearest landmark, and where the gap is 0 the lowest slot of the row itself.
__device__ __forceinline__ Nearest settled(
    const Cover& c, const double* point, const double* x, int slot, double gap) {
    if (gap != 0.0) return {slot, gap, distance_of(c, gap)};
    const int high = (int)c.counts[HIGH];
    for (int other = slot; other < high; ++other)
        if (gap_to(c, x, other) == 0.0 && is_landmark(c, other, point, x)) return {other, 0.0, 0.0};
    return {slot, 0.0, TINY};
}

__device__ __noinline__ Nearest nearest_of(const Cover& c, const double* point, const double* x) {
    const int high = (int)c.counts[HIGH];
    if (high == 0) return {0, no_distance(), no_distance()};
    int nearest = 0;
    double least = gap_to(c, x, 0);
    for (int slot = 1; slot < high; ++slot) {
        const double gap = gap_to(c, x, slot);
        if (gap < least) {
            nearest = slot;
            least = gap;
        }
    }
    return settled(c, point, x, nearest, least);
}

// The same by NEAREST_LANES lanes that follow each other, the first of which knows it in the end:
// each has looked at its share of the slots. All lanes of a warp, some of them without a row.
__device__ __forceinline__ Nearest nearest_by_lanes(
    const Cover& c, const double* point, const double* x, bool has_row) {
    const int high = (int)c.counts[HIGH], lane = lane_id() % NEAREST_LANES;
    int nearest = c.k;
    double least = no_distance();
    for (int slot = lane; has_row && slot < high; slot += NEAREST_LANES) {
        const double gap = gap_to(c, x, slot);
        if (gap < least || nearest == c.k) {
            nearest = slot;
            least = gap;
        }
    }
    for (int step = 1; step < NEAREST_LANES; step *= 2) {
        const int slot = __shfl_xor_sync(ALL_LANES, nearest, step);
        const double gap = __shfl_xor_sync(ALL_LANES, least, step);
        if (gap < least || (gap == least && slot < nearest)) {
            nearest = slot;
            least = gap;
        }
    }
    if (lane != 0 || !has_row || high == 0) return {0, no_distance(), no_distance()};
    return settled(c, point, x, nearest, least);
}

// Let a landmark that has just been opened in a slot compete.
__device__ __forceinline__ void compete(
    const Cover& c, const double* point, const double* x, int slot, Nearest& found) {
    const double gap = gap_to(c, x, slot);
    if (gap > found.gap || (gap == found.gap && gap != 0.0 && slot > found.slot)) return;
    const bool same = gap == 0.0 && is_landmark(c, slot, point, x);
    if (gap == found.gap && gap == 0.0) {
        const bool was_same = found.distance == 0.0;
        if (was_same != same ? was_same : slot > found.slot) return;
    }
    found = {slot, gap, gap != 0.0 ? distance_of(c, gap) : same ? 0.0 : TINY};
}

// Enter a member distance into the queue, where it holds for rows up to this one. One thread.
__device__ __forceinline__ void note_distance(Cover& c, row_t row, row_t bucket, double distance) {
    if (distance == 0.0) return;
    row_t* counts = c.counts;
    int back = (int)((counts[HEAD] + counts[SIZE] - 1 + c.length) % c.length);
    while (counts[SIZE] > 0 && c.bound[back] <= distance) {
        --counts[SIZE];
        back = (back - 1 + c.length) % c.length;
    }
    if (counts[SIZE] > 0 && (c.bucket[back] == bucket || counts[SIZE] == c.length)) {
        c.last[back] = row;
        return;
    }
    back = (back + 1) % c.length;
    c.last[back] = row;
    c.bucket[back] = bucket;
    c.bound[back] = distance;
    ++counts[SIZE];
}

// Close a landmark; the counts are brought up to date by `recount`.
__device__ __forceinline__ void close_slot(Cover& c, int slot) {
    for (int axis = 0; axis < c.dim; ++axis)
        c.columns[(size_t)axis * c.k + slot] = no_distance();
    c.newest[slot] = FREE_SLOT;
}
