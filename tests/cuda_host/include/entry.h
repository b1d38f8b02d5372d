// Included after the kernels and their table: how Python reaches them.
#pragma once

#include "launch.h"

namespace cuda_host {

inline const Kernel* find(const Kernel* table, const char* name) {
    for (; table->name; ++table)
        if (strcmp(table->name, name) == 0) return table;
    return nullptr;
}

}  // namespace cuda_host

#if !defined(CUDA_HOST_PROCESS)

extern "C" __attribute__((visibility("default"))) const char* cuda_host_signature(const char* name) {
    const cuda_host::Kernel* kernel = cuda_host::find(cuda_host_kernels, name);
    return kernel ? kernel->signature() : nullptr;
}

extern "C" __attribute__((visibility("default"))) unsigned cuda_host_most_threads(
    const char* name) {
    return cuda_host::find(cuda_host_kernels, name)->most_threads;
}

extern "C" __attribute__((visibility("default"))) int cuda_host_launch(
    const char* name, const cuda_host::Launch* launch, void** args, char* message,
    size_t message_size, cuda_host::Counts* counts) {
    cuda_host::message = message;
    cuda_host::message_size = message_size;
    const int status = cuda_host::run(*cuda_host::find(cuda_host_kernels, name), *launch, args);
    *counts = cuda_host::counts;
    return status;
}

#else  // one launch in a process of its own: request on stdin, answer on stdout

namespace cuda_host {

inline void read_exactly(void* out, size_t n) {
    if (n && fread(out, 1, n, stdin) != n) exit(3);
}

template <class T>
T read_number() {
    T value;
    read_exactly(&value, sizeof(T));
    return value;
}

// An allocation of exactly n bytes, so that a step past its end is seen.
inline unsigned char* read_buffer(size_t n) {
    unsigned char* memory = static_cast<unsigned char*>(malloc(n));
    read_exactly(memory, n);
    return memory;
}

// A copy of a table whose words that are addresses of the caller are those of the copies here.
inline unsigned char* relocated(const unsigned char* table, size_t n, unsigned char** buffers,
                                const uint64_t* sizes, const uint64_t* addresses,
                                uint32_t n_buffers) {
    unsigned char* copy = static_cast<unsigned char*>(malloc(n));
    memcpy(copy, table, n);
    for (size_t at = 0; at + 8 <= n; at += 8) {
        uint64_t word;
        memcpy(&word, copy + at, 8);
        for (uint32_t i = 0; i < n_buffers; ++i)
            if (addresses[i] <= word && word < addresses[i] + sizes[i]) {
                const unsigned char* mine = buffers[i] + (word - addresses[i]);
                memcpy(copy + at, &mine, 8);
                break;
            }
    }
    return copy;
}

}  // namespace cuda_host

// request: Launch | name | n_buffers, (address, size, bytes) each | n_args, (buffer or -1, offset |
// size, bytes, or for a buffer whether it is a table) each
int main() {
    using namespace cuda_host;
    const Launch launch = read_number<Launch>();
    char name[256] = {};
    read_exactly(name, read_number<uint32_t>());
    const uint32_t n_buffers = read_number<uint32_t>();
    unsigned char** buffers = static_cast<unsigned char**>(calloc(n_buffers + 1, sizeof(void*)));
    uint64_t* sizes = static_cast<uint64_t*>(calloc(n_buffers + 1, sizeof(uint64_t)));
    uint64_t* addresses = static_cast<uint64_t*>(calloc(n_buffers + 1, sizeof(uint64_t)));
    for (uint32_t i = 0; i < n_buffers; ++i) {
        addresses[i] = read_number<uint64_t>();
        sizes[i] = read_number<uint64_t>();
        buffers[i] = read_buffer(sizes[i]);
    }
    const uint32_t n_args = read_number<uint32_t>();
    void** args = static_cast<void**>(calloc(n_args + 1, sizeof(void*)));
    for (uint32_t i = 0; i < n_args; ++i) {
        const int64_t buffer = read_number<int64_t>();
        const uint64_t number = read_number<uint64_t>();
        if (buffer < 0) {
            args[i] = read_buffer(number);
        } else {
            unsigned char* given = buffers[buffer] + number;
            if (read_number<uint32_t>())
                given = relocated(given, sizes[buffer] - number, buffers, sizes, addresses,
                                  n_buffers);
            args[i] = malloc(sizeof(void*));
            *static_cast<void**>(args[i]) = given;
        }
    }
    static char text[4096];
    message = text;
    message_size = sizeof(text);
    const int32_t status = run(*find(cuda_host_kernels, name), launch, args);
    fwrite(&status, sizeof(status), 1, stdout);
    fwrite(text, 1, sizeof(text), stdout);
    fwrite(&counts, sizeof(counts), 1, stdout);
    for (uint32_t i = 0; i < n_buffers; ++i) fwrite(buffers[i], 1, sizes[i], stdout);
    fflush(stdout);
    _exit(0);
}

#endif
