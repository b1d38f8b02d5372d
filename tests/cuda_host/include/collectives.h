// Where threads wait for one another: warp collectives, barriers, the end of a thread.
#pragma once

#include "scheduler.h"

namespace cuda_host {

inline uint64_t poison64() { return uint64_t(poison_word) << 32 | poison_word; }

// If all living lanes of the mask have come to the same call, give each its result.
inline void complete(unsigned warp_number, const Thread& like) {
    Warp& warp = block->warps[warp_number];
    Thread* lanes = block->threads + 32 * warp_number;
    const unsigned mask = like.mask, group = mask & warp.alive;
    if (group & ~warp.waiting) return;
    unsigned ballot = 0;
    for (unsigned rest = group; rest; rest &= rest - 1) {
        const unsigned i = unsigned(__builtin_ctz(rest));
        const Thread& lane = lanes[i];
        if (lane.mask != mask || lane.op != like.op || lane.site.line != like.site.line) return;
        ballot |= unsigned(lane.value != 0) << i;
    }
    warp.waiting &= ~group;
    ++counts.collectives;
    const Op op = like.op;
    for (unsigned rest = group; rest; rest &= rest - 1) {
        Thread& lane = lanes[__builtin_ctz(rest)];
        uint64_t result = ballot;
        if (op == Op::shuffle)
            result = group >> lane.source & 1 ? lanes[lane.source].value : poison64();
        if (op == Op::match) {
            result = 0;
            for (unsigned other = group; other; other &= other - 1) {
                const int i = __builtin_ctz(other);
                result |= uint64_t(lanes[i].value == lane.value) << i;
            }
        }
        release(lane, result);
    }
}

// Wait for the other lanes of the mask; the result of the collective for this lane.
inline uint64_t collective(Op op, unsigned mask, uint64_t value, unsigned source, Site site) {
    Thread& me = *current;
    const unsigned bit = 1u << (me.id % 32);
    if (!(mask & bit)) fault("a warp collective is called by a lane that its mask does not name", site);
    me.op = op;
    me.mask = mask;
    me.value = value;
    me.source = source;
    me.site = site;
    me.wait = Wait::collective;
    block->warps[me.id / 32].waiting |= bit;
    complete(me.id / 32, me);
    suspend();
    return me.result;
}

inline void open_barrier() {
    const Thread& first = block->threads[0];
    unsigned count = 0;
    for (unsigned i = 0; i < n_threads; ++i) {
        const Thread& thread = block->threads[i];
        count += thread.value != 0;
        if (thread.site.line == first.site.line && thread.op == first.op) continue;
        size_t used = say(0, "threads meet at different barriers in ");
        census(say_block(used));
        fail();
    }
    const Op op = first.op;
    const unsigned result = op == Op::block_count ? count
        : op == Op::block_and                     ? count == n_threads
                                                  : count > 0;
    ++counts.barriers;
    block->at_barrier = 0;
    for (unsigned i = 0; i < n_threads; ++i) release(block->threads[i], result);
}

inline unsigned barrier(Op op, bool predicate, Site site) {
    Thread& me = *current;
    me.op = op;
    me.value = predicate;
    me.site = site;
    me.wait = Wait::barrier;
    if (++block->at_barrier == n_threads) open_barrier();
    suspend();
    return unsigned(me.result);
}

// Take the running thread out of its block; lanes that waited only for it may go on.
inline void retire() {
    Thread& me = *current;
    me.wait = Wait::returned;
    --block->alive;
    Warp& warp = block->warps[me.id / 32];
    warp.alive &= ~(1u << (me.id % 32));
    for (unsigned rest = warp.waiting; rest; rest &= rest - 1) {
        const Thread& lane = block->threads[me.id / 32 * 32 + unsigned(__builtin_ctz(rest))];
        if (lane.wait == Wait::collective) complete(me.id / 32, lane);
    }
}

// What every stack runs: threads one after another, until one that has begun is next.
CUDA_HOST_UNSANITIZED inline void thread_main() {
    arrived(current->stack->context);
    inside = true;
    for (;;) {
        kernel_thunk(kernel_args);
        retire();
        Stack* stack = current->stack;
        current->stack = nullptr;
        if (block->n_ready == 0 && block->alive > 0) deadlock();
        Thread* next = block->n_ready ? pick() : nullptr;
        if (next && !next->stack) {
            next->stack = stack;
            current = next;
            continue;
        }
        stack->next = free_stacks;
        free_stacks = stack;
        if (next) go(stack->context, next);
        else switch_context(stack->context, launcher);
    }
}

}  // namespace cuda_host
