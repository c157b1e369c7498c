// Multi-scale deformable attention on a processor, forward and backward.
//
// Plain C interface, no headers of Python or torch: one build serves all versions of both. Threads
// are torch's own, reached through the function pointer in `Call`.
//
// Almost all time is spent waiting for memory: a query's head reads four rows of `value` per sample,
// wherever they lie. So heads are done one after the other, mostly on a copy of their rows that makes
// better use of the cache, and a query is prepared and its rows prefetched while the one before it
// is summed up.

#include "backward.h"
#include "forward.h"

namespace {

#define KERNELS(name, attributes)                                                                  \
    attributes void forward_##name(int64_t begin, int64_t end, void *call) {                       \
        if (((Call *)call)->is_double) forward_range<double>(*(Call *)call, begin, end);           \
        else forward_range<float>(*(Call *)call, begin, end);                                      \
    }                                                                                              \
    attributes void backward_##name(int64_t begin, int64_t end, void *call) {                      \
        if (((Call *)call)->is_double) backward_shares<double>(*(Call *)call, begin, end);         \
        else backward_shares<float>(*(Call *)call, begin, end);                                    \
    }

KERNELS(plain, )
struct InstructionSet {
    const char *name;
    Range forward, backward;
};

#if defined(__x86_64__)
KERNELS(avx2, __attribute__((target("avx2,fma"))))
KERNELS(avx512, __attribute__((target("avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"))))

InstructionSet instruction_set() {
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return {"AVX-512", forward_avx512, backward_avx512};
    if (has_avx2) return {"AVX2", forward_avx2, backward_avx2};
    return {"SSE2", forward_plain, backward_plain};
}
#else
InstructionSet instruction_set() { return {"the compiler's own", forward_plain, backward_plain}; }
#endif

} // namespace

// Python refuses a build from other sources than its own.
extern "C" int64_t ms_deform_attn_call_size() { return sizeof(Call); }

extern "C" const char *ms_deform_attn_instruction_set() { return instruction_set().name; }

// Zero, or what torch's parallel_for answered.
extern "C" int32_t ms_deform_attn_forward(Call *call) {
    int64_t items = call->images * call->queries * call->heads;
    return call->parallel_for(0, items, ITEMS_AT_LEAST, instruction_set().forward, call);
}

extern "C" int32_t ms_deform_attn_backward(Call *call) {
    int64_t shares = call->images * call->heads * shares_of_levels(*call);
    return call->parallel_for(0, shares, 1, instruction_set().backward, call);
}
