// Blocks, warps and threads: who runs next, and what is said when nobody can.
#pragma once

#include <float.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <type_traits>
#include <utility>

#include "fibers.h"

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    operator uint3() const { return {x, y, z}; }
};

namespace cuda_host {

constexpr unsigned max_threads = 1024, max_warps = 32, max_residents = 4;
constexpr uint32_t poison_word = 0xFFC5A5C5u;  // a NaN, and no small integer

enum class Wait : uint8_t { fresh, ready, barrier, collective, returned };
enum class Op : uint8_t { sync, ballot, shuffle, match, block, block_count, block_and, block_or };

struct Site {
    const char* call;
    const char* file;
    int line;
    Site() = default;
    Site(const char* call_, const char* file_, int line_) : call(call_), file(file_), line(line_) {}
    // member by member: a vector load of parts just stored stalls
    Site(const Site& other) : Site(other.call, other.file, other.line) {}
    Site& operator=(const Site& other) {
        call = other.call;
        file = other.file;
        line = other.line;
        return *this;
    }
};

struct Thread {
    Stack* stack;
    uint3 index;
    unsigned id;  // linear index in the block
    Wait wait;
    Op op;
    unsigned mask, source;
    uint64_t value, result;
    Site site;
};

struct Warp {
    unsigned alive, waiting;  // lanes
};

struct Block {
    uint3 index;
    Thread threads[max_threads];
    Warp warps[max_warps];
    Thread* ready[max_threads];
    unsigned n_ready, alive, at_barrier;
    unsigned window;  // the next thread is drawn from the last so many that became ready
    unsigned char* shared;  // its shared memory while another block runs
    bool active;
};

struct Counts {
    uint64_t switches, barriers, collectives, atomics;
};

static uint3 grid_dim, block_dim;
static unsigned n_threads, n_residents;
static Block residents[max_residents];
static Block* block;
static Thread* current;
static Context launcher;
static Stack *free_stacks, *all_stacks;
static unsigned n_stacks;
static void (*kernel_thunk)(void**);
static void** kernel_args;
static Counts counts;
static uint64_t random_state;
static bool failed;
static volatile bool inside;  // a thread of a block runs, and the launcher can be gone back to
static char* message;
static size_t message_size;

inline unsigned random_below(unsigned n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return unsigned(((random_state >> 32) * n) >> 32);
}

[[noreturn]] inline void to_launcher() {
    Context nobody;
    switch_context(nobody, launcher);
    __builtin_unreachable();
}

inline size_t say(size_t used, const char* format, ...) {
    if (used >= message_size) return used;
    va_list list;
    va_start(list, format);
    const int n = vsnprintf(message + used, message_size - used, format, list);
    va_end(list);
    return used + size_t(n > 0 ? n : 0);
}

inline size_t say_block(size_t used) {
    return say(used, "block (%u, %u, %u)", block->index.x, block->index.y, block->index.z);
}

// What the threads of the running block are doing, one clause for each group of them.
inline size_t census(size_t used) {
    bool told[max_threads] = {};
    const char* separator = ": ";
    for (unsigned i = 0; i < n_threads; ++i) {
        if (told[i]) continue;
        const Thread& a = block->threads[i];
        unsigned n = 0;
        used = say(used, "%sthread ", separator);
        separator = "; thread ";
        for (unsigned j = i; j < n_threads; ++j) {
            const Thread& b = block->threads[j];
            const bool waits = a.wait == Wait::barrier || a.wait == Wait::collective;
            const bool alike = a.wait == b.wait
                && (!waits || (a.site.line == b.site.line && a.op == b.op))
                && (a.wait != Wait::collective || a.mask == b.mask);
            if (!alike) continue;
            told[j] = true;
            if (++n <= 4) used = say(used, n == 1 ? "%u" : ", %u", j);
        }
        if (n > 4) used = say(used, " ... (%u in all)", n);
        if (a.wait == Wait::returned) used = say(used, " has returned");
        else if (a.wait == Wait::barrier)
            used = say(used, " at %s (%s:%d)", a.site.call, a.site.file, a.site.line);
        else if (a.wait == Wait::collective)
            used = say(used, " at %s with mask 0x%08x (%s:%d)", a.site.call, a.mask, a.site.file,
                       a.site.line);
        else used = say(used, " running");
        separator = "; ";
    }
    return used;
}

[[noreturn]] inline void fail() {
    failed = true;
    to_launcher();
}

[[noreturn]] inline void fault(const char* what, Site site) {
    size_t used = say(0, "%s (%s:%d) in thread (%u, %u, %u) of ", what, site.file, site.line,
                      current->index.x, current->index.y, current->index.z);
    say_block(used);
    fail();
}

[[noreturn]] inline void deadlock() {
    size_t used = say(0, "no thread can go on in ");
    census(say_block(used));
    fail();
}

inline Thread* pick() {
    const unsigned n = block->n_ready;
    const unsigned k = n - 1 - random_below(n < block->window ? n : block->window);
    Thread* thread = block->ready[k];
    block->ready[k] = block->ready[n - 1];
    block->n_ready = n - 1;
    return thread;
}

inline void thread_main();

// Give a thread that has not begun a stack, and point its context at thread_main.
__attribute__((noinline)) inline bool equip(Thread& thread) {
    if (!free_stacks) {
        free_stacks = new_stack(n_stacks);
        if (!free_stacks) {
            say(0, "out of host memory for the stacks of the threads");
            failed = true;
            return false;
        }
        ++n_stacks;
        free_stacks->next = nullptr;
        free_stacks->sibling = all_stacks;
        all_stacks = free_stacks;
    }
    thread.stack = free_stacks;
    free_stacks = free_stacks->next;
    begin(*thread.stack, thread_main);
    return true;
}

// Leave the running thread (or the launcher) for another.
CUDA_HOST_INLINE void go(Context& from, Thread* to) {
    const bool launching = &from == &launcher;
    if (__builtin_expect(!to->stack, 0) && !equip(*to)) {
        if (launching) return;
        to_launcher();
    }
    current = to;
    ++counts.switches;
    switch_context(from, to->stack->context);
    inside = !launching;
}

// The running thread waits; another one runs.
inline void suspend() {
    if (block->n_ready == 0) deadlock();
    Thread* me = current;
    Thread* to = pick();
    if (to != me) go(me->stack->context, to);
}

inline void release(Thread& thread, uint64_t result) {
    thread.result = result;
    thread.wait = Wait::ready;
    block->ready[block->n_ready++] = &thread;
}

// Let another thread, or another resident block, go first.
inline void yield() {
    Thread* me = current;
    block->ready[block->n_ready++] = me;
    const unsigned k = random_below(block->n_ready);
    block->ready[block->n_ready - 1] = block->ready[k];
    block->ready[k] = me;
    if (n_residents > 1 && random_below(4) == 0) {
        switch_context(me->stack->context, launcher);
        inside = true;
    } else {
        suspend();
    }
}

inline void perhaps_yield() {
    ++counts.atomics;
    if (random_below(16) == 0) yield();
}

}  // namespace cuda_host
