// Gradients of value, locations and weights.
#pragma once

#include "samples.h"

namespace {

// Adds a sample's share of the gradient to the four rows around it, and to `dots` their products
// with the gradient.
template <int N, typename T>
INLINE void spread(const T *grad_output, const T *row, T *grad_row, int64_t right, int64_t below,
                   const T *corners, typename VectorOf<T>::Type *dots) {
    typedef typename VectorOf<T>::Type Vector;
    const int64_t places[4] = {0, right, below, below + right};
    for (int corner = 0; corner < 4; corner++) {
        const Vector *seen = (const Vector *)(row + places[corner]);
        Vector *grad = (Vector *)(grad_row + places[corner]);
        for (int n = 0; n < N; n++) {
            Vector out = ((const Vector *)grad_output)[n];
            dots[corner] += seen[n] * out;
            grad[n] += corners[corner] * out;
        }
    }
}

template <typename T>
INLINE void backward_sample(const Call &call, const Levels<T> &levels, const Samples<T> &samples,
                            int i, T *dots) {
    typedef typename VectorOf<T>::Type Vector;
    const int size = VectorOf<T>::SIZE;
    int64_t channels = call.channels, channel = 0;
    const T *grad_output = (const T *)call.grad_output + samples.item * channels;
    const T *row = samples.value + samples.cell[i] * (call.heads * channels);
    T *grad_row = (T *)call.grad_value + (row - (const T *)call.value);
    int64_t right = levels.right[i], below = levels.below[i];
    const T corners[4] = {samples.corners[0][i], samples.corners[1][i], samples.corners[2][i],
                          samples.corners[3][i]};
    Vector sums[4] = {Vector{}, Vector{}, Vector{}, Vector{}};
    for (; channel + 4 * size <= channels; channel += 4 * size)
        spread<4>(grad_output + channel, row + channel, grad_row + channel, right, below, corners, sums);
    for (; channel + size <= channels; channel += size)
        spread<1>(grad_output + channel, row + channel, grad_row + channel, right, below, corners, sums);
    for (int corner = 0; corner < 4; corner++) {
        T sum = 0;
        for (int lane = 0; lane < size; lane++) sum += sums[corner][lane];
        dots[corner] = sum;
    }
    const int64_t places[4] = {0, right, below, below + right};
    for (; channel < channels; channel++) {
        for (int corner = 0; corner < 4; corner++) {
            dots[corner] += row[places[corner] + channel] * grad_output[channel];
            grad_row[places[corner] + channel] += corners[corner] * grad_output[channel];
        }
    }
}

template <typename T>
INLINE void backward_piece(const Call &call, const Levels<T> &levels, const Samples<T> &samples,
                           const Samples<T> &next) {
    T dots[PIECE][4];
    int64_t stride = call.heads * call.channels;
    int64_t sample = samples.item * call.levels * call.points + samples.first;
    T *grad_weights = (T *)call.grad_weights + sample;
    T *grad_locations = (T *)call.grad_locations + 2 * sample;
    const T *next_grad = (const T *)call.grad_value + (next.value - (const T *)call.value);
    for (int i = 0; i < samples.count; i++) {
        prefetch<false>(next.value, levels, next, i, stride, call.channels);
        prefetch<true>(next_grad, levels, next, i, stride, call.channels);
        backward_sample(call, levels, samples, i, dots[i]);
    }
    for (int i = 0; i < samples.count; i++) {
        T left = samples.left[i], right = samples.right[i];
        T upper = left * dots[i][0] + right * dots[i][1];
        T lower = left * dots[i][2] + right * dots[i][3];
        T d_upper = samples.d_left[i] * dots[i][0] + samples.d_right[i] * dots[i][1];
        T d_lower = samples.d_left[i] * dots[i][2] + samples.d_right[i] * dots[i][3];
        T weight = samples.weights[i];
        grad_weights[i] = samples.upper[i] * upper + samples.lower[i] * lower;
        grad_locations[2 * i] =
            weight * levels.width[i] * (samples.upper[i] * d_upper + samples.lower[i] * d_lower);
        grad_locations[2 * i + 1] =
            weight * levels.height[i] * (samples.d_upper[i] * upper + samples.d_lower[i] * lower);
    }
}

// All queries' samples of one image and head on some levels. Nobody else writes to those rows of
// `grad_value`: no atomics, and the same sum whatever the number of threads.
template <typename T>
INLINE void backward_head(const Call &call, int64_t image, int64_t head, int first, int count) {
    Levels<T> levels;
    Samples<T> samples[2];
    read_levels(call, first, count, levels);
    int64_t item = image * call.queries * call.heads + head;
    prepare<true>(call, levels, item, first, count, samples[0]);
    for (int64_t query = 0; query < call.queries; query++, item += call.heads) {
        int64_t next = query + 1 < call.queries ? query + 1 : query;
        prepare<true>(call, levels, item + (next - query) * call.heads, first, count,
                      samples[next & 1]);
        backward_piece(call, levels, samples[query & 1], samples[next & 1]);
    }
}

// Levels are shared out only where there are more threads than images and heads.
INLINE int64_t shares_of_levels(const Call &call) {
    int64_t heads = call.images * call.heads;
    int64_t shares = (call.threads + heads - 1) / heads;
    return shares < 1 ? 1 : shares < call.levels ? shares : call.levels;
}

// Shares (image, head, group of levels) from `begin` to `end`.
template <typename T> INLINE void backward_shares(const Call &call, int64_t begin, int64_t end) {
    int64_t groups = shares_of_levels(call);
    for (int64_t share = begin; share < end; share++) {
        int64_t group = share % groups, head = share / groups;
        int first = group * call.levels / groups * call.points;
        int last = (group + 1) * call.levels / groups * call.points;
        for (; first < last; first += PIECE) {
            int count = last - first < PIECE ? last - first : PIECE;
            backward_head<T>(call, head / call.heads, head % call.heads, first, count);
        }
    }
}

} // namespace
