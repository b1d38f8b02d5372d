// A fault of the processor, or the end of the time, ends the launch and not the process.
#pragma once

#include "scheduler.h"

namespace cuda_host {

static pthread_t launching_thread;
constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGVTALRM};
constexpr int n_signals = sizeof(signals) / sizeof(signals[0]);
static struct sigaction previous[n_signals];
static double time_limit;

inline size_t say_signal(int number, const unsigned char* address) {
    const unsigned char* base = current->stack ? current->stack->base : nullptr;
    switch (number) {
        case SIGVTALRM: return say(0, "still running after %g s", time_limit);
        case SIGFPE: return say(0, "integer division by zero");
        case SIGILL: return say(0, "illegal instruction");
        case SIGABRT: return say(0, "abort()");
    }
    if (base && address < base && address >= base - 65536) return say(0, "stack overflow");
    return say(0, "access to memory that is not there (%p)", static_cast<const void*>(address));
}

inline void on_signal(int number, siginfo_t* info, void*) {
    if (!inside || !pthread_equal(pthread_self(), launching_thread)) {
        if (number == SIGVTALRM) return;  // it comes again
        for (int i = 0; i < n_signals; ++i) sigaction(signals[i], &previous[i], nullptr);
        return;
    }
    inside = false;
    size_t used = say_signal(number, static_cast<unsigned char*>(info->si_addr));
    used = say(used, " in thread (%u, %u, %u) of ", current->index.x, current->index.y,
               current->index.z);
    say_block(used);
    fail();
}

// The sanitizers report faults themselves; their process is watched from outside.
#if defined(__SANITIZE_ADDRESS__)
struct Signals {};
#else
class Signals {
public:
    Signals() {
        launching_thread = pthread_self();
        stack_t stack = {};
        stack.ss_sp = memory;
        stack.ss_size = sizeof(memory);
        sigaltstack(&stack, &previous_stack);
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        // never returned from: the signal must not stay blocked
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        for (int i = 0; i < n_signals; ++i) sigaction(signals[i], &action, &previous[i]);
        set_timer();
    }
    ~Signals() {
        if (has_timer) timer_delete(timer);
        for (int i = 0; i < n_signals; ++i) sigaction(signals[i], &previous[i], nullptr);
        sigaltstack(&previous_stack, nullptr);
    }

private:
    void set_timer() {
        sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGVTALRM;
        event._sigev_un._tid = gettid();
        has_timer = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
        itimerspec limit = {};
        limit.it_value.tv_sec = time_t(time_limit);
        limit.it_value.tv_nsec = long(1e9 * (time_limit - double(limit.it_value.tv_sec)));
        limit.it_interval.tv_nsec = 50000000;
        if (has_timer) timer_settime(timer, 0, &limit, nullptr);
    }

    stack_t previous_stack;
    timer_t timer;
    bool has_timer;
    inline static unsigned char memory[65536];
};
#endif

}  // namespace cuda_host
