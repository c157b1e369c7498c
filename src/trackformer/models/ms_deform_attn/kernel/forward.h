// Weighted sums of rows.
#pragma once

#include "samples.h"

namespace {

// Sums of `N` vectors of channels, and of `HALVES` half ones after them, stay in registers over all
// samples.
template <int N, int HALVES, typename T>
INLINE void sum_up(const HeadRows<T> &value, const Levels<T> &levels, const Samples<T> &samples,
                   const Samples<T> &next, int64_t channel, int64_t channels, T *output) {
    typedef typename VectorOf<T>::Type Vector;
    typedef typename VectorOf<T, HALF_VECTOR_BYTES>::Type Half;
    const int half_at = N * VectorOf<T>::SIZE;
    Vector sums[N + 1];
    Half half{};
    for (int n = 0; n < N; n++) {
        if (samples.first == 0) sums[n] = Vector{};
        else sums[n] = ((const Vector *)(output + channel))[n];
    }
    if (HALVES && samples.first != 0) half = *(const Half *)(output + channel + half_at);
    for (int i = 0; i < samples.count; i++) {
        if (channel == 0) prefetch<false>(value, levels, samples, next, i, channels);
        const T *row = value.rows + samples.cell[i] * value.stride + channel;
        const T *right = row + levels.right[i];
        const T *below = row + levels.below[i], *beside = below + levels.right[i];
        T a = samples.corners[0][i], b = samples.corners[1][i];
        T c = samples.corners[2][i], d = samples.corners[3][i];
        for (int n = 0; n < N; n++)
            sums[n] += a * ((const Vector *)row)[n] + b * ((const Vector *)right)[n] +
                       (c * ((const Vector *)below)[n] + d * ((const Vector *)beside)[n]);
        if (HALVES)
            half += a * *(const Half *)(row + half_at) + b * *(const Half *)(right + half_at) +
                    (c * *(const Half *)(below + half_at) + d * *(const Half *)(beside + half_at));
    }
    for (int n = 0; n < N; n++) ((Vector *)(output + channel))[n] = sums[n];
    if (HALVES) *(Half *)(output + channel + half_at) = half;
}

template <typename T>
INLINE void sum_up_one(const HeadRows<T> &value, const Levels<T> &levels, const Samples<T> &samples,
                       int64_t channel, T *output) {
    T sum = samples.first == 0 ? 0 : output[channel];
    for (int i = 0; i < samples.count; i++) {
        const T *row = value.rows + samples.cell[i] * value.stride + channel;
        const T *below = row + levels.below[i];
        int64_t right = levels.right[i];
        T upper = samples.left[i] * row[0] + samples.right[i] * row[right];
        T lower = samples.left[i] * below[0] + samples.right[i] * below[right];
        sum += samples.weights[i] * (samples.upper[i] * upper + samples.lower[i] * lower);
    }
    output[channel] = sum;
}

template <typename T>
INLINE void forward_piece(const HeadRows<T> &value, const Levels<T> &levels,
                          const Samples<T> &samples, const Samples<T> &next, int64_t channels,
                          T *output) {
    const int size = VectorOf<T>::SIZE, half = VectorOf<T, HALF_VECTOR_BYTES>::SIZE;
    int64_t channel = 0;
    if (channels == 4 * size + half) { // 36 of float: one pass instead of two
        sum_up<4, 1>(value, levels, samples, next, channel, channels, output);
        channel = channels;
    }
    for (; channel + 4 * size <= channels; channel += 4 * size)
        sum_up<4, 0>(value, levels, samples, next, channel, channels, output);
    for (; channel + 2 * size <= channels; channel += 2 * size)
        sum_up<2, 0>(value, levels, samples, next, channel, channels, output);
    for (; channel + half <= channels; channel += half)
        sum_up<0, 1>(value, levels, samples, next, channel, channels, output);
    for (; channel < channels; channel++) sum_up_one(value, levels, samples, channel, output);
}

// Queries of one image and head from `item` on, every `heads`th item; some samples at a time.
template <typename T>
INLINE void forward_head(const Call &call, const HeadRows<T> &value, int64_t item, int64_t queries,
                         int64_t channels) {
    int num_samples = call.levels * call.points;
    for (int first = 0; first < num_samples; first += PIECE) {
        int count = num_samples - first < PIECE ? num_samples - first : PIECE;
        Levels<T> levels;
        Samples<T> samples[2];
        read_levels(call, value, first, count, levels);
        prepare<false>(call, levels, item, first, count, samples[0]);
        for (int64_t query = 0; query < queries; query++) {
            int64_t next = query + 1 < queries ? query + 1 : query;
            prepare<false>(call, levels, item + next * call.heads, first, count, samples[next & 1]);
            T *output = (T *)call.output + (item + query * call.heads) * channels;
            forward_piece(value, levels, samples[query & 1], samples[next & 1], channels, output);
        }
    }
}

// The usual numbers of channels are known to the compiler, which unrolls what is done with them.
template <typename T>
INLINE void forward_usual(const Call &call, const HeadRows<T> &value, int64_t item,
                          int64_t queries) {
    switch (sizeof(T) == sizeof(float) ? call.channels : 0) {
    case 16: return forward_head(call, value, item, queries, 16);
    case 32: return forward_head(call, value, item, queries, 32);
    default: return forward_head(call, value, item, queries, call.channels);
    }
}

// Places from `begin` to `end` in the order (image, head, query).
template <typename T> INLINE void forward_range(const Call &call, int64_t begin, int64_t end) {
    int64_t most = end - begin < call.queries ? end - begin : call.queries;
    int64_t stride = stride_of_copies<T>(call);
    T *room = room_for_copies<T>(call.tokens, stride, most * call.levels * call.points * 4);
    while (begin < end) {
        int64_t query = begin % call.queries, head = begin / call.queries % call.heads;
        int64_t image = begin / (call.queries * call.heads);
        int64_t queries = end - begin < call.queries - query ? end - begin : call.queries - query;
        HeadRows<T> value = rows_in<T>(call.value, call, image, head, 0);
        if (room) {
            HeadRows<T> copy = {room, stride, 0};
            copy_rows(value, copy, call.tokens, call.channels);
            value = copy;
        }
        forward_usual(call, value, (image * call.queries + query) * call.heads + head, queries);
        begin += queries;
    }
    free(room);
}

} // namespace
