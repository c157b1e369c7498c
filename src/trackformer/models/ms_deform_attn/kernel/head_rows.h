// The rows one head reads or writes: where they lie in a tensor, or a copy of them side by side.
#pragma once

#include "call.h"

#include <stdlib.h>

#define INLINE inline __attribute__((always_inline))

namespace {

const int CACHE_LINE = 64;
const int VECTOR_BYTES = 32;
const int HALF_VECTOR_BYTES = 16;
const int64_t READ_OFTEN = 16; // readings of a row, after which a copy has paid for itself
const int64_t ROWS_AHEAD = 16; // rows between fetching and copying

template <typename T, int BYTES = VECTOR_BYTES> struct VectorOf {
    typedef T Type __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
    static const int SIZE = BYTES / sizeof(T);
};

// In a tensor a head's rows lie `heads` rows apart, mostly a power of two: all of them share a few
// sets of the cache, an eighth of it where there are 8 heads. A copy of them has all of it.
template <typename T> struct HeadRows {
    T *rows;
    int64_t stride; // elements from a token's row to the next one's
    int64_t first_token;
};

template <typename T>
INLINE HeadRows<T> rows_in(const void *tensor, const Call &call, int64_t image, int64_t head,
                           int64_t first_token) {
    int64_t stride = call.heads * call.channels;
    T *first = (T *)tensor + (image * call.tokens + first_token) * stride + head * call.channels;
    return {first, stride, first_token};
}

template <typename T>
INLINE void copy_rows(const HeadRows<T> &from, const HeadRows<T> &to, int64_t tokens,
                      int64_t channels) {
    for (int64_t token = 0; token < tokens; token++) {
        const T *row = from.rows + token * from.stride;
        for (int64_t channel = 0; channel < channels; channel += CACHE_LINE / sizeof(T))
            __builtin_prefetch(row + ROWS_AHEAD * from.stride + channel);
        for (int64_t channel = 0; channel < channels; channel++)
            to.rows[token * to.stride + channel] = row[channel];
    }
}

// Whole vectors, so that none of them lies across two lines of the cache.
template <typename T> INLINE int64_t stride_of_copies(const Call &call) {
    const int64_t size = VectorOf<T>::SIZE;
    return call.channels < size ? call.channels : (call.channels + size - 1) / size * size;
}

// Room for copies of as many rows; null where `readings` are too few for copies to pay, or memory
// is short.
template <typename T>
INLINE T *room_for_copies(int64_t rows, int64_t stride, int64_t readings) {
    if (readings < READ_OFTEN * rows) return nullptr;
    size_t bytes = rows * stride * sizeof(T);
    return (T *)aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

} // namespace
