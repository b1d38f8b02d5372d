// Launches: typed arguments, shared memory, blocks in random order.
#pragma once

#include "device.h"
#include "signals.h"

extern "C" __attribute__((visibility("hidden"))) unsigned char __start_cuda_shared[];
extern "C" __attribute__((visibility("hidden"))) unsigned char __stop_cuda_shared[];

namespace cuda_host {

constexpr size_t max_dynamic = 227 * 1024, canary_bytes = 1024;

// so that the section is never empty
static __attribute__((section("cuda_shared"), used)) uint32_t shared_anchor[4];
alignas(1024) static unsigned char dynamic_shared[max_dynamic + canary_bytes];

struct Launch {
    uint32_t grid[3], block[3];
    uint32_t dynamic_bytes, poison, n_residents;
    uint64_t seed;
    double timeout;  // seconds
};

struct Kernel {
    const char* name;
    unsigned most_threads;  // its launch bounds
    const char* (*signature)();
    void (*thunk)(void**);
};

// ---- signatures: for each parameter "pointer:constant:kind:size:alignment;"
template <class T>
constexpr char kind_of() {
    if constexpr (std::is_floating_point_v<T>) return 'f';
    else if constexpr (std::is_same_v<T, bool>) return 'b';
    else if constexpr (std::is_integral_v<T>) return 'i';
    else return 'V';
}

template <class T>
size_t describe(char* out, size_t room) {
    using P = std::remove_pointer_t<T>;
    size_t size = 1, alignment = 1;
    if constexpr (!std::is_void_v<P>) {
        size = sizeof(P);
        alignment = alignof(P);
    }
    return size_t(snprintf(out, room, "%d:%d:%c:%zu:%zu;", int(std::is_pointer_v<T>),
                           int(std::is_const_v<P>), kind_of<std::remove_cv_t<P>>(), size,
                           alignment));
}

template <class F>
struct Function;

template <class... A>
struct Function<void (*)(A...)> {
    static const char* signature() {
        static char text[64 * sizeof...(A) + 1];
        size_t used = 0;
        ((used += describe<A>(text + used, sizeof(text) - used)), ...);
        return text;
    }
    template <size_t... I>
    static void call(void (*f)(A...), void** args, std::index_sequence<I...>) {
        f(*static_cast<A*>(args[I])...);
    }
    template <auto f>
    static void thunk([[maybe_unused]] void** args) {
        call(f, args, std::index_sequence_for<A...>());
    }
};

template <auto f>
constexpr Kernel kernel(const char* name, unsigned most_threads) {
    using F = Function<decltype(f)>;
    return {name, most_threads, F::signature, F::template thunk<f>};
}

// ---- shared memory
CUDA_HOST_UNSANITIZED __attribute__((optimize("no-tree-loop-distribute-patterns"))) inline void
copy_words(uint32_t* to, const uint32_t* from, size_t n) {
    for (size_t i = 0; i < n; ++i) to[i] = from ? from[i] : poison_word;
}

static size_t static_words, dynamic_words;
static Block* loaded;

inline uint32_t* static_base() { return reinterpret_cast<uint32_t*>(__start_cuda_shared); }
inline uint32_t* dynamic_base() { return reinterpret_cast<uint32_t*>(dynamic_shared); }

inline void load_shared(Block* next) {
    if (loaded == next) return;
    if (loaded && loaded->active) {
        uint32_t* out = reinterpret_cast<uint32_t*>(loaded->shared);
        copy_words(out, static_base(), static_words);
        copy_words(out + static_words, dynamic_base(), dynamic_words);
    }
    const uint32_t* in = reinterpret_cast<uint32_t*>(next->shared);
    copy_words(static_base(), in, static_words);
    copy_words(dynamic_base(), in + static_words, dynamic_words);
    loaded = next;
}

inline void check_canary(const Launch& launch) {
    const unsigned char* end = dynamic_shared + launch.dynamic_bytes;
    const size_t first = (4 - launch.dynamic_bytes % 4) % 4;
    for (size_t i = first; i + 4 <= canary_bytes; i += 4) {
        uint32_t word;
        memcpy(&word, end + i, 4);
        if (word == poison_word) continue;
        failed = true;
        say_block(say(0, "dynamic shared memory is written %zu bytes past its end of %u bytes in ",
                      i, launch.dynamic_bytes));
        return;
    }
}

// ---- blocks
inline bool prepare(const Launch& launch) {
    grid_dim = {launch.grid[0], launch.grid[1], launch.grid[2]};
    block_dim = {launch.block[0], launch.block[1], launch.block[2]};
    n_threads = block_dim.x * block_dim.y * block_dim.z;
    n_residents = launch.n_residents;
    counts = {};
    random_state = launch.seed * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 8; ++i) random_below(2);
    failed = inside = false;
    time_limit = launch.timeout;
    loaded = nullptr;
    static_words = size_t(__stop_cuda_shared - __start_cuda_shared) / 4;
    dynamic_words = (launch.dynamic_bytes + 3) / 4;
    free_stacks = nullptr;
    for (Stack* stack = all_stacks; stack; stack = stack->sibling) {
        stack->next = free_stacks;
        free_stacks = stack;
    }
    for (unsigned r = 0; r < n_residents; ++r) {
        Block& b = residents[r];
        free(b.shared);
        b.shared = static_cast<unsigned char*>(calloc(static_words + dynamic_words, 4));
        b.active = false;
        if (!b.shared) return false;
        for (unsigned i = 0; i < n_threads; ++i) {
            b.threads[i].id = i;
            b.threads[i].index = {i % block_dim.x, i / block_dim.x % block_dim.y,
                                  i / (block_dim.x * block_dim.y)};
        }
    }
#if defined(__SANITIZE_ADDRESS__)
    pthread_attr_t attributes;
    void* bottom;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &bottom, &launcher.size);
    pthread_attr_destroy(&attributes);
    launcher.bottom = bottom;
    ASAN_UNPOISON_MEMORY_REGION(dynamic_shared, sizeof(dynamic_shared));
    ASAN_POISON_MEMORY_REGION(dynamic_shared + launch.dynamic_bytes,
                              sizeof(dynamic_shared) - launch.dynamic_bytes);
#endif
    return true;
}

inline void start_block(Block& b, unsigned number, const Launch& launch) {
    b.index = {number % grid_dim.x, number / grid_dim.x % grid_dim.y,
               number / (grid_dim.x * grid_dim.y)};
    b.alive = n_threads;
    b.at_barrier = 0;
    b.n_ready = 0;
    // one warp far ahead of the others, or all of them mixed
    b.window = random_below(2) ? 32 : max_threads;
    b.active = true;
    for (unsigned w = 0; w < max_warps; ++w) {
        const unsigned n = n_threads > 32 * w ? n_threads - 32 * w : 0;
        b.warps[w] = {n >= 32 ? 0xFFFFFFFFu : (1u << n) - 1, 0};
    }
    const unsigned n_warps = (n_threads + 31) / 32, shift = random_below(n_warps);
    for (unsigned w = 0; w < n_warps; ++w) {
        const unsigned begin = 32 * ((w + shift) % n_warps);
        for (unsigned i = begin; i < begin + 32 && i < n_threads; ++i) {
            b.threads[i].wait = Wait::fresh;
            b.threads[i].stack = nullptr;
            b.ready[b.n_ready++] = &b.threads[i];
        }
    }
    const bool elsewhere = loaded && loaded != &b && loaded->active;
    if (!elsewhere) loaded = &b;
    if (!launch.poison) return;
    if (elsewhere) {
        copy_words(reinterpret_cast<uint32_t*>(b.shared), nullptr, static_words + dynamic_words);
    } else {
        copy_words(static_base(), nullptr, static_words);
        copy_words(dynamic_base(), nullptr, dynamic_words);
    }
}

inline void run_blocks(const Launch& launch, uint32_t* order, unsigned n_blocks) {
    for (unsigned i = 0; i < n_blocks; ++i) order[i] = i;
    unsigned n_active = 0;
    while ((n_blocks || n_active) && !failed) {
        Block& b = residents[random_below(n_residents)];
        block = &b;
        if (!b.active) {
            if (!n_blocks) continue;
            const unsigned k = random_below(n_blocks);
            const unsigned number = order[k];
            order[k] = order[--n_blocks];
            start_block(b, number, launch);
            ++n_active;
        }
        load_shared(&b);
        go(launcher, pick());
        current = nullptr;
        if (failed || b.alive) continue;
        b.active = false;
        --n_active;
#if !defined(__SANITIZE_ADDRESS__)
        check_canary(launch);
#endif
    }
}

inline int run(const Kernel& kernel, const Launch& launch, void** args) {
    const unsigned n_blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
    uint32_t* order = static_cast<uint32_t*>(malloc(sizeof(uint32_t) * n_blocks));
    if (!order || !prepare(launch)) {
        free(order);
        say(0, "out of host memory");
        return 1;
    }
    kernel_thunk = kernel.thunk;
    kernel_args = args;
#if !defined(__SANITIZE_ADDRESS__)
    for (size_t i = 0; i + 4 <= canary_bytes; i += 4)
        memcpy(dynamic_shared + (launch.dynamic_bytes + 3) / 4 * 4 + i, &poison_word, 4);
#endif
    {
        [[maybe_unused]] Signals during_launch;
        run_blocks(launch, order, n_blocks);
    }
    free(order);
    return failed;
}

}  // namespace cuda_host
