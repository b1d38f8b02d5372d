// What a launch for windows of any sizes is told of each: where its rows and its landmarks are, and
// which rows are meant. In the order of DeviceCover.row in streaming/device_cover.py, of eight bytes
// each.

typedef long long row_t;  // the number of a row, or a time

struct Window {
    double* points;         // (capacity, dim)
    row_t *times, *ids;     // (capacity,)
    double* reals;          // see Cover in cover.cuh, as numbers
    row_t* numbers;
    row_t capacity, k, slide;
    row_t first, stop;      // numbers of the rows that are looked at, the last one excluded
    row_t live, tick;       // number of the oldest live row, and the tick
    row_t appended, place;  // number of the first row that is appended, and where it was sent
    row_t scratch;          // place of the first row in working memory
};
