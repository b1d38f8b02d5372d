// Rows of a stream on the device: written once, at the place that their number gives.
//
// Row number s lies at s mod capacity, so that appending evicts what is older, and a window is a
// range of numbers.

#include "common.cuh"
#include "windows.cuh"

// Append rows up to `stop` in order, at most the capacity of a window. A thread a row; grid (blocks,
// windows). rows (any, dim), row_times, row_ids (any,): what was sent, of which windows take parts.
extern "C" __global__ void append_rows(const Window* windows, const double* rows,
                                       const row_t* row_times, const row_t* row_ids, int dim) {
    const Window window = windows[blockIdx.y];
    const row_t row = window.appended + (row_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= window.stop) return;
    const size_t from = (size_t)(window.place + row - window.appended);
    const size_t to = (size_t)(row % window.capacity);
    for (int axis = 0; axis < dim; ++axis) window.points[to * dim + axis] = rows[from * dim + axis];
    window.times[to] = row_times[from];
    window.ids[to] = row_ids[from];
}
