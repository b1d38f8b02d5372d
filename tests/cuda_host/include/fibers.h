// The threads of a block as fibers: a stack each, switched by hand (no system call).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define CUDA_HOST_UNSANITIZED __attribute__((no_sanitize("address", "undefined")))
#else
#define CUDA_HOST_UNSANITIZED
#endif

#define CUDA_HOST_INLINE inline __attribute__((always_inline))

#if !defined(CUDA_HOST_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define CUDA_HOST_UCONTEXT
#endif

#if defined(CUDA_HOST_UCONTEXT)
#include <ucontext.h>
#elif defined(__x86_64__)
// System V ABI: rbp, rbx, r12-r15 belong to the caller; cuda_host_switch(save, load).
// A jump is predicted from where fibers went before, a ret from the wrong fiber's calls.
asm(R"(
    .text
    .p2align 4
    .type cuda_host_switch, @function
cuda_host_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .size cuda_host_switch, .-cuda_host_switch
)");
extern "C" __attribute__((visibility("hidden"))) void cuda_host_switch(void** save, void* load);
#elif defined(__aarch64__)
// AAPCS64: x19-x30 and d8-d15 belong to the caller
asm(R"(
    .text
    .p2align 4
    .type cuda_host_switch, @function
cuda_host_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size cuda_host_switch, .-cuda_host_switch
)");
extern "C" __attribute__((visibility("hidden"))) void cuda_host_switch(void** save, void* load);
#endif

namespace cuda_host {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t stack_bytes = 256 * 1024;
#else
constexpr size_t stack_bytes = 64 * 1024;
#endif

// A point of execution that can be left and taken up again.
struct Context {
#if defined(CUDA_HOST_UCONTEXT)
    ucontext_t machine;
#else
    void* stack_pointer;
#endif
    const void* bottom;  // lowest address and size of its stack, for the sanitizer
    size_t size;
    void* fake_stack;
};

struct Stack {
    unsigned char* base;  // stack_bytes of it, above one page without access
    Context context;
    Stack* next;     // in the list of free ones
    Stack* sibling;  // in the list of all
};

inline Stack* new_stack(unsigned number) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    void* memory = mmap(nullptr, page + stack_bytes + sizeof(Stack), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    mprotect(memory, page, PROT_NONE);
    unsigned char* base = static_cast<unsigned char*>(memory) + page;
    Stack* stack = reinterpret_cast<Stack*>(base + stack_bytes);
    stack->base = base;
    stack->context.bottom = base;
    // tops at one offset of a page would share a few lines of the cache
    stack->context.size = stack_bytes - (number * 7 % 32) * 128;
    return stack;
}

// Make the context of a stack begin in entry().
CUDA_HOST_UNSANITIZED inline void begin(Stack& stack, void (*entry)()) {
    Context& context = stack.context;
#if defined(CUDA_HOST_UCONTEXT)
    getcontext(&context.machine);
    context.machine.uc_stack.ss_sp = stack.base;
    context.machine.uc_stack.ss_size = context.size;
    context.machine.uc_link = nullptr;
    makecontext(&context.machine, entry, 0);
#elif defined(__x86_64__)
    void** top = reinterpret_cast<void**>(stack.base + context.size);
    for (int i = 1; i <= 8; ++i) top[-i] = nullptr;
    top[-2] = reinterpret_cast<void*>(entry);
    context.stack_pointer = top - 8;
#else
    void** top = reinterpret_cast<void**>(stack.base + context.size) - 20;
    for (int i = 0; i < 20; ++i) top[i] = nullptr;
    top[11] = reinterpret_cast<void*>(entry);
    context.stack_pointer = top;
#endif
    context.fake_stack = nullptr;
}

// The first thing a context does when it runs (again).
CUDA_HOST_UNSANITIZED inline void arrived([[maybe_unused]] Context& here) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(here.fake_stack, nullptr, nullptr);
#endif
}

// Leave one context for another; returns when somebody switches back.
CUDA_HOST_UNSANITIZED CUDA_HOST_INLINE void switch_context(Context& from, Context& to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.size);
#endif
#if defined(CUDA_HOST_UCONTEXT)
    swapcontext(&from.machine, &to.machine);
#else
    cuda_host_switch(&from.stack_pointer, to.stack_pointer);
#endif
    arrived(from);
}

}  // namespace cuda_host
