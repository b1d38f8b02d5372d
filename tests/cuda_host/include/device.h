// What CUDA C++ gives a kernel: qualifiers, built-in variables, collectives, atomics, intrinsics.
#pragma once

#include "collectives.h"

#define __CUDA_ARCH__ 750
#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
// one section, so that it can be poisoned and saved as a whole
#define __shared__ static __attribute__((section("cuda_shared")))

#define threadIdx (cuda_host::current->index)
#define blockIdx (cuda_host::block->index)
#define blockDim (cuda_host::block_dim)
#define gridDim (cuda_host::grid_dim)
#define CUDA_HOST_SITE(name) cuda_host::Site(name, file, line)
#define CUDA_HOST_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
constexpr int warpSize = 32;

#define CUDA_HOST_VECTOR(name, type, bytes2, bytes4)                                        \
    struct alignas(bytes2) name##2 { type x, y; };                                          \
    struct alignas(bytes4) name##4 { type x, y, z, w; };                                    \
    inline name##2 make_##name##2(type x, type y) { return {x, y}; }                        \
    inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
CUDA_HOST_VECTOR(int, int, 8, 16)
CUDA_HOST_VECTOR(uint, unsigned, 8, 16)
CUDA_HOST_VECTOR(float, float, 8, 16)
CUDA_HOST_VECTOR(double, double, 16, 16)
CUDA_HOST_VECTOR(longlong, long long, 16, 16)
CUDA_HOST_VECTOR(ulonglong, unsigned long long, 16, 16)
CUDA_HOST_VECTOR(ushort, unsigned short, 4, 8)
CUDA_HOST_VECTOR(uchar, unsigned char, 2, 4)
#undef CUDA_HOST_VECTOR
struct int3 { int x, y, z; };
struct float3 { float x, y, z; };
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline int3 make_int3(int x, int y, int z) { return {x, y, z}; }
inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }

// ---- barriers and warp collectives
inline void __syncthreads(CUDA_HOST_HERE) {
    cuda_host::barrier(cuda_host::Op::block, false, CUDA_HOST_SITE("__syncthreads"));
}
inline int __syncthreads_count(int predicate, CUDA_HOST_HERE) {
    return int(cuda_host::barrier(cuda_host::Op::block_count, predicate != 0,
                                  CUDA_HOST_SITE("__syncthreads_count")));
}
inline int __syncthreads_and(int predicate, CUDA_HOST_HERE) {
    return int(cuda_host::barrier(cuda_host::Op::block_and, predicate != 0,
                                  CUDA_HOST_SITE("__syncthreads_and")));
}
inline int __syncthreads_or(int predicate, CUDA_HOST_HERE) {
    return int(cuda_host::barrier(cuda_host::Op::block_or, predicate != 0,
                                  CUDA_HOST_SITE("__syncthreads_or")));
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, CUDA_HOST_HERE) {
    cuda_host::collective(cuda_host::Op::sync, mask, 0, 0, CUDA_HOST_SITE("__syncwarp"));
}
inline unsigned __ballot_sync(unsigned mask, int predicate, CUDA_HOST_HERE) {
    return unsigned(cuda_host::collective(cuda_host::Op::ballot, mask, predicate != 0, 0,
                                          CUDA_HOST_SITE("__ballot_sync")));
}
inline int __any_sync(unsigned mask, int predicate, CUDA_HOST_HERE) {
    return cuda_host::collective(cuda_host::Op::ballot, mask, predicate != 0, 0,
                                 CUDA_HOST_SITE("__any_sync")) != 0;
}
inline int __all_sync(unsigned mask, int predicate, CUDA_HOST_HERE) {
    return cuda_host::collective(cuda_host::Op::ballot, mask, predicate == 0, 0,
                                 CUDA_HOST_SITE("__all_sync")) == 0;
}
// which lanes run together is the hardware's choice: pass the mask that the algorithm knows
unsigned __activemask() = delete;

namespace cuda_host {

template <class T>
uint64_t to_bits(T value) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                  "collectives exchange numbers of 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(T));
    return bits;
}

template <class T>
T from_bits(uint64_t bits) {
    T value;
    memcpy(&value, &bits, sizeof(T));
    return value;
}

inline unsigned lane() { return current->id % 32; }

template <class T>
T shuffle(unsigned mask, T value, unsigned source, Site site) {
    return from_bits<T>(collective(Op::shuffle, mask, to_bits(value), source, site));
}

inline void check_width(int width, Site site) {
    if (width < 1 || width > 32 || (width & (width - 1)))
        fault("the width of a shuffle is no power of two up to 32", site);
}

}  // namespace cuda_host

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CUDA_HOST_HERE) {
    const cuda_host::Site site = CUDA_HOST_SITE("__shfl_sync");
    cuda_host::check_width(width, site);
    const unsigned w = unsigned(width) - 1;
    return cuda_host::shuffle(mask, value, (cuda_host::lane() & ~w) | (unsigned(source) & w), site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDA_HOST_HERE) {
    const cuda_host::Site site = CUDA_HOST_SITE("__shfl_up_sync");
    cuda_host::check_width(width, site);
    const unsigned lane = cuda_host::lane(), in_segment = lane & (unsigned(width) - 1);
    return cuda_host::shuffle(mask, value, in_segment < delta ? lane : lane - delta, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CUDA_HOST_HERE) {
    const cuda_host::Site site = CUDA_HOST_SITE("__shfl_down_sync");
    cuda_host::check_width(width, site);
    const unsigned lane = cuda_host::lane(), in_segment = lane & (unsigned(width) - 1);
    const bool outside = delta >= unsigned(width) - in_segment;
    return cuda_host::shuffle(mask, value, outside ? lane : lane + delta, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, CUDA_HOST_HERE) {
    const cuda_host::Site site = CUDA_HOST_SITE("__shfl_xor_sync");
    cuda_host::check_width(width, site);
    const unsigned lane = cuda_host::lane(), last = lane | (unsigned(width) - 1);
    const unsigned source = lane ^ unsigned(lanes);
    return cuda_host::shuffle(mask, value, source > last ? lane : source, site);
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, CUDA_HOST_HERE) {
    return unsigned(cuda_host::collective(cuda_host::Op::match, mask, cuda_host::to_bits(value), 0,
                                          CUDA_HOST_SITE("__match_any_sync")));
}

// ---- atomics: other threads may run before each of them
namespace cuda_host {

template <class T>
constexpr bool atomic_type = std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);

template <class T, class F>
T atomic(T* address, F change) {
    static_assert(atomic_type<T>, "atomics exist for numbers of 4 or 8 bytes");
    perhaps_yield();
    const T old = *address;
    *address = T(change(old));
    return old;
}

template <class T>
using Same = std::common_type_t<T>;  // only the address decides the type

}  // namespace cuda_host

#define CUDA_HOST_ATOMIC(name, integral, expression)                                \
    template <class T>                                                              \
    T name(T* address, cuda_host::Same<T> value) {                                  \
        static_assert(!(integral) || std::is_integral_v<T>, #name " needs integers"); \
        return cuda_host::atomic(address, [=](T old) { return expression; });       \
    }
CUDA_HOST_ATOMIC(atomicAdd, false, old + value)
CUDA_HOST_ATOMIC(atomicSub, true, old - value)
CUDA_HOST_ATOMIC(atomicMin, true, value < old ? value : old)
CUDA_HOST_ATOMIC(atomicMax, true, value > old ? value : old)
CUDA_HOST_ATOMIC(atomicAnd, true, old & value)
CUDA_HOST_ATOMIC(atomicOr, true, old | value)
CUDA_HOST_ATOMIC(atomicXor, true, old ^ value)
CUDA_HOST_ATOMIC(atomicExch, false, value)
#undef CUDA_HOST_ATOMIC
template <class T>
T atomicCAS(T* address, cuda_host::Same<T> expected, cuda_host::Same<T> value) {
    static_assert(std::is_integral_v<T>, "atomicCAS needs integers");
    return cuda_host::atomic(address, [=](T old) { return old == expected ? value : old; });
}
inline void __threadfence() { cuda_host::perhaps_yield(); }
inline void __threadfence_block() { cuda_host::perhaps_yield(); }
inline void __threadfence_system() { cuda_host::perhaps_yield(); }
inline void __nanosleep(unsigned) { cuda_host::yield(); }

// ---- bits
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned long long __brevll(unsigned long long x) {
    unsigned long long y = 0;
    for (int i = 0; i < 64; ++i) y |= (x >> i & 1) << (63 - i);
    return y;
}
inline unsigned __brev(unsigned x) { return unsigned(__brevll(x) >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return unsigned((uint64_t(high) << 32 | low) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned((uint64_t(high) << 32 | low) >> (shift & 31));
}

// ---- pinned arithmetic: round to nearest, never contracted
#define CUDA_HOST_ROUNDED(prefix, type, root, fused)                            \
    inline type __##prefix##add_rn(type a, type b) { return a + b; }            \
    inline type __##prefix##sub_rn(type a, type b) { return a - b; }            \
    inline type __##prefix##mul_rn(type a, type b) { return a * b; }            \
    inline type __##prefix##div_rn(type a, type b) { return a / b; }            \
    inline type __##prefix##sqrt_rn(type a) { return root(a); }
CUDA_HOST_ROUNDED(f, float, sqrtf, fmaf)
CUDA_HOST_ROUNDED(d, double, sqrt, fma)
#undef CUDA_HOST_ROUNDED
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float __double2float_rn(double x) { return float(x); }
inline float __double2float_ru(double x) {
    const float y = float(x);
    return double(y) < x ? nextafterf(y, INFINITY) : y;
}
inline float __double2float_rd(double x) {
    const float y = float(x);
    return double(y) > x ? nextafterf(y, -INFINITY) : y;
}
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline unsigned __float_as_uint(float x) { return cuda_host::from_bits<unsigned>(cuda_host::to_bits(x)); }
inline int __float_as_int(float x) { return cuda_host::from_bits<int>(cuda_host::to_bits(x)); }
inline float __uint_as_float(unsigned x) { return cuda_host::from_bits<float>(x); }
inline float __int_as_float(int x) { return cuda_host::from_bits<float>(unsigned(x)); }
inline long long __double_as_longlong(double x) {
    return cuda_host::from_bits<long long>(cuda_host::to_bits(x));
}
inline double __longlong_as_double(long long x) {
    return cuda_host::from_bits<double>(uint64_t(x));
}

template <class A, class B>
std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return T(fmin(T(a), T(b)));
    else return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B>
std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return T(fmax(T(a), T(b)));
    else return T(a) < T(b) ? T(b) : T(a);
}
template <class T>
T __ldg(const T* address) { return *address; }

inline void __trap(CUDA_HOST_HERE) { cuda_host::fault("__trap()", CUDA_HOST_SITE("__trap")); }
#undef assert
#define assert(x) \
    ((x) ? void() : cuda_host::fault("assertion " #x " fails", {"assert", __FILE__, __LINE__}))
