// Gradients of value, locations and weights.
#pragma once

#include "samples.h"

#include <string.h>

namespace {

// What a head's samples read and where their gradient goes; the two lie alike.
template <typename T> struct HeadPair {
    HeadRows<T> value, grad;
};

// Adds the lanes of each corner's half vector to the corner's sum.
template <typename Half, typename T> INLINE void add_lanes(const Half *halves, T *sums) {
    for (int corner = 0; corner < 4; corner++)
        for (int lane = 0; lane < VectorOf<T, HALF_VECTOR_BYTES>::SIZE; lane++)
            sums[corner] += halves[corner][lane];
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define PAIRS(a, b) /* a0 + a1, a2 + a3, b0 + b1, b2 + b3 */                                       \
    __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7)

// The same, all corners at once: saves a twentieth of the backward's time.
typedef VectorOf<float, HALF_VECTOR_BYTES>::Type FourFloats;
INLINE void add_lanes(const FourFloats *halves, float *sums) {
    FourFloats upper = PAIRS(halves[0], halves[1]), lower = PAIRS(halves[2], halves[3]);
    *(FourFloats *)sums += PAIRS(upper, lower);
}
#undef PAIRS
#endif
#endif

// Adds a sample's share of the gradient to `N` vectors, and `HALVES` half ones after them, of the
// four rows around it, and to `dots` their products with the gradient.
template <int N, int HALVES, typename T>
INLINE void spread(const T *grad_output, const T *row, T *grad_row, const int64_t *places,
                   const T *corners, T *dots) {
    typedef typename VectorOf<T>::Type Vector;
    typedef typename VectorOf<T, HALF_VECTOR_BYTES>::Type Half;
    const int half_at = N * VectorOf<T>::SIZE;
    Vector out[N + 1];
    Half half_out{};
    for (int n = 0; n < N; n++) out[n] = ((const Vector *)grad_output)[n];
    if (HALVES) half_out = *(const Half *)(grad_output + half_at);
    Half halves[4];
    for (int corner = 0; corner < 4; corner++) {
        const T *seen = row + places[corner];
        T *grad = grad_row + places[corner];
        Vector sum{};
        if (N) sum = ((const Vector *)seen)[0] * out[0];
        for (int n = 1; n < N; n++) sum += ((const Vector *)seen)[n] * out[n];
        for (int n = 0; n < N; n++) ((Vector *)grad)[n] += corners[corner] * out[n];
        Half half = ((const Half *)&sum)[0] + ((const Half *)&sum)[1];
        if (HALVES) {
            half += *(const Half *)(seen + half_at) * half_out;
            *(Half *)(grad + half_at) += corners[corner] * half_out;
        }
        halves[corner] = half;
    }
    add_lanes(halves, dots);
}

template <typename T>
INLINE void backward_sample(const HeadPair<T> &head, const Levels<T> &levels,
                            const Samples<T> &samples, int i, int64_t channels,
                            const T *grad_output, T *dots) {
    const int size = VectorOf<T>::SIZE, half = VectorOf<T, HALF_VECTOR_BYTES>::SIZE;
    const T *row = head.value.rows + samples.cell[i] * head.value.stride;
    T *grad_row = head.grad.rows + samples.cell[i] * head.grad.stride;
    int64_t right = levels.right[i], below = levels.below[i], channel = 0;
    const int64_t places[4] = {0, right, below, below + right};
    const T corners[4] = {samples.corners[0][i], samples.corners[1][i], samples.corners[2][i],
                          samples.corners[3][i]};
    for (int corner = 0; corner < 4; corner++) dots[corner] = 0;
    if (channels == 4 * size + half) { // 36 of float, at once
        spread<4, 1>(grad_output, row, grad_row, places, corners, dots);
        channel = channels;
    }
    for (; channel + 4 * size <= channels; channel += 4 * size)
        spread<4, 0>(grad_output + channel, row + channel, grad_row + channel, places, corners, dots);
    for (; channel + 2 * size <= channels; channel += 2 * size)
        spread<2, 0>(grad_output + channel, row + channel, grad_row + channel, places, corners, dots);
    for (; channel + half <= channels; channel += half)
        spread<0, 1>(grad_output + channel, row + channel, grad_row + channel, places, corners, dots);
    for (; channel < channels; channel++) {
        for (int corner = 0; corner < 4; corner++) {
            dots[corner] += row[places[corner] + channel] * grad_output[channel];
            grad_row[places[corner] + channel] += corners[corner] * grad_output[channel];
        }
    }
}

template <typename T>
INLINE void backward_piece(const Call &call, const HeadPair<T> &head, const Levels<T> &levels,
                           const Samples<T> &samples, const Samples<T> &next, int64_t channels) {
    T dots[PIECE][4];
    int64_t sample = samples.item * call.levels * call.points + samples.first;
    T *grad_weights = (T *)call.grad_weights + sample;
    T *grad_locations = (T *)call.grad_locations + 2 * sample;
    const T *grad_output = (const T *)call.grad_output + samples.item * channels;
    for (int i = 0; i < samples.count; i++) {
        prefetch<false>(head.value, levels, samples, next, i, channels);
        prefetch<true>(head.grad, levels, samples, next, i, channels);
        backward_sample(head, levels, samples, i, channels, grad_output, dots[i]);
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

// All queries from `item` on, every `heads`th item; samples from `first` to `last`, some at a time.
template <typename T>
INLINE void backward_head(const Call &call, const HeadPair<T> &head, int64_t item, int first,
                          int last, int64_t channels) {
    for (; first < last; first += PIECE) {
        int count = last - first < PIECE ? last - first : PIECE;
        Levels<T> levels;
        Samples<T> samples[2];
        read_levels(call, head.value, first, count, levels);
        prepare<true>(call, levels, item, first, count, samples[0]);
        for (int64_t query = 0; query < call.queries; query++) {
            int64_t next = query + 1 < call.queries ? query + 1 : query;
            prepare<true>(call, levels, item + next * call.heads, first, count, samples[next & 1]);
            backward_piece(call, head, levels, samples[query & 1], samples[next & 1], channels);
        }
    }
}

// The usual numbers of channels are known to the compiler, which unrolls what is done with them.
template <typename T>
INLINE void backward_usual(const Call &call, const HeadPair<T> &head, int64_t item, int first,
                           int last) {
    switch (sizeof(T) == sizeof(float) ? call.channels : 0) {
    case 16: return backward_head(call, head, item, first, last, 16);
    case 32: return backward_head(call, head, item, first, last, 32);
    default: return backward_head(call, head, item, first, last, call.channels);
    }
}

// Levels are shared out only where there are more threads than images and heads.
INLINE int64_t shares_of_levels(const Call &call) {
    int64_t heads = call.images * call.heads;
    int64_t shares = (call.threads + heads - 1) / heads;
    return shares < 1 ? 1 : shares < call.levels ? shares : call.levels;
}

INLINE int64_t tokens_before(const Call &call, int64_t level) {
    int64_t tokens = 0;
    for (int64_t each = 0; each < level; each++)
        tokens += call.level_shapes[2 * each] * call.level_shapes[2 * each + 1];
    return tokens;
}

// All queries' samples of one image and head on the levels from `first` to `last`. Nobody else
// writes to those rows of `grad_value`: no atomics, and the same sum whatever the number of threads.
template <typename T>
INLINE void backward_share(const Call &call, int64_t image, int64_t head, int first, int last) {
    int64_t start = tokens_before(call, first), tokens = tokens_before(call, last) - start;
    int64_t points = call.points, item = image * call.queries * call.heads + head;
    HeadPair<T> rows = {rows_in<T>(call.value, call, image, head, start),
                        rows_in<T>(call.grad_value, call, image, head, start)};
    int64_t stride = stride_of_copies<T>(call);
    T *room = room_for_copies<T>(2 * tokens, stride, call.queries * (last - first) * points * 8);
    if (!room) return backward_usual(call, rows, item, first * points, last * points);
    int64_t size = tokens * stride;
    HeadPair<T> copies = {{room, stride, start}, {room + size, stride, start}};
    copy_rows(rows.value, copies.value, tokens, call.channels);
    memset(copies.grad.rows, 0, size * sizeof(T));
    backward_usual(call, copies, item, first * points, last * points);
    copy_rows(copies.grad, rows.grad, tokens, call.channels);
    free(room);
}

// Shares (image, head, group of levels) from `begin` to `end`.
template <typename T> INLINE void backward_shares(const Call &call, int64_t begin, int64_t end) {
    int64_t groups = shares_of_levels(call);
    for (int64_t share = begin; share < end; share++) {
        int64_t group = share % groups, head = share / groups;
        backward_share<T>(call, head / call.heads, head % call.heads, group * call.levels / groups,
                          (group + 1) * call.levels / groups);
    }
}

} // namespace
