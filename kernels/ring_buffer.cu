// Rows of a stream on the device: written once, at the place that their number gives.
//
// Row number s lies at s mod capacity, so that appending evicts what is older, and a window is a
// range of numbers.

#include "common.cuh"

// Append rows in order. A thread a row; grid (blocks, windows).
//
// rows (windows, m, dim), row_times, row_ids (windows, m); first (windows,): number of the first
// one, how_many (windows,) of them count, at most capacity. points (windows, capacity, dim), times,
// ids (windows, capacity).
extern "C" __global__ void append_rows(const double* rows, const long long* row_times,
                                       const long long* row_ids, int m, const long long* first,
                                       const int* how_many, double* points, long long* times,
                                       long long* ids, int capacity, int dim) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x, window = blockIdx.y;
    if (i >= how_many[window]) return;
    const size_t from = (size_t)window * m + i;
    const size_t to = (size_t)window * capacity + (first[window] + i) % capacity;
    for (int axis = 0; axis < dim; ++axis) points[to * dim + axis] = rows[from * dim + axis];
    times[to] = row_times[from];
    ids[to] = row_ids[from];
}
