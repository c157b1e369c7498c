// Weighted sums of rows.
#pragma once

#include "samples.h"

namespace {

// `N` vectors of channels at a time stay in registers over all samples.
template <int N, typename T>
INLINE void sum_up(const Levels<T> &levels, const Samples<T> &samples, const Samples<T> &next,
                   int64_t channel, int64_t channels, int64_t stride, T *output) {
    typedef typename VectorOf<T>::Type Vector;
    Vector sums[N];
    for (int n = 0; n < N; n++) {
        if (samples.first == 0) sums[n] = Vector{};
        else sums[n] = ((const Vector *)(output + channel))[n];
    }
    for (int i = 0; i < samples.count; i++) {
        if (channel == 0) prefetch<false>(next.value, levels, next, i, stride, channels);
        const T *row = samples.value + samples.cell[i] * stride + channel;
        const Vector *upper_left = (const Vector *)row;
        const Vector *upper_right = (const Vector *)(row + levels.right[i]);
        const Vector *lower_left = (const Vector *)(row + levels.below[i]);
        const Vector *lower_right = (const Vector *)(row + levels.below[i] + levels.right[i]);
        T a = samples.corners[0][i], b = samples.corners[1][i];
        T c = samples.corners[2][i], d = samples.corners[3][i];
        for (int n = 0; n < N; n++)
            sums[n] += a * upper_left[n] + b * upper_right[n] + (c * lower_left[n] + d * lower_right[n]);
    }
    for (int n = 0; n < N; n++) ((Vector *)(output + channel))[n] = sums[n];
}

template <typename T>
INLINE void sum_up_one(const Levels<T> &levels, const Samples<T> &samples, int64_t channel,
                       int64_t stride, T *output) {
    T sum = samples.first == 0 ? 0 : output[channel];
    for (int i = 0; i < samples.count; i++) {
        const T *row = samples.value + samples.cell[i] * stride + channel;
        const T *below = row + levels.below[i];
        int64_t right = levels.right[i];
        T upper = samples.left[i] * row[0] + samples.right[i] * row[right];
        T lower = samples.left[i] * below[0] + samples.right[i] * below[right];
        sum += samples.weights[i] * (samples.upper[i] * upper + samples.lower[i] * lower);
    }
    output[channel] = sum;
}

template <typename T>
INLINE void forward_piece(const Call &call, const Levels<T> &levels, const Samples<T> &samples,
                          const Samples<T> &next) {
    const int size = VectorOf<T>::SIZE;
    int64_t channels = call.channels, stride = call.heads * channels, channel = 0;
    T *output = (T *)call.output + samples.item * channels;
    for (; channel + 4 * size <= channels; channel += 4 * size)
        sum_up<4>(levels, samples, next, channel, channels, stride, output);
    for (; channel + 2 * size <= channels; channel += 2 * size)
        sum_up<2>(levels, samples, next, channel, channels, stride, output);
    for (; channel + size <= channels; channel += size)
        sum_up<1>(levels, samples, next, channel, channels, stride, output);
    for (; channel < channels; channel++) sum_up_one(levels, samples, channel, stride, output);
}

// Items (image, query, head) from `begin` to `end`, some samples of each at a time.
template <typename T> INLINE void forward_items(const Call &call, int64_t begin, int64_t end) {
    int num_samples = call.levels * call.points;
    for (int first = 0; first < num_samples; first += PIECE) {
        int count = num_samples - first < PIECE ? num_samples - first : PIECE;
        Levels<T> levels;
        Samples<T> samples[2];
        read_levels(call, first, count, levels);
        prepare<false>(call, levels, begin, first, count, samples[begin & 1]);
        for (int64_t item = begin; item < end; item++) {
            int64_t next = item + 1 < end ? item + 1 : item;
            prepare<false>(call, levels, next, first, count, samples[next & 1]);
            forward_piece(call, levels, samples[item & 1], samples[next & 1]);
        }
    }
}

} // namespace
