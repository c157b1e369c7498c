// Where a query's samples lie: the four cells around each, their weights and slopes.
#pragma once

#include "head_rows.h"

namespace {

const int PIECE = 32; // samples prepared at a time
const int64_t QUERIES_AHEAD = 4; // between fetching locations and reading them
// Between fetching rows and reading them; more would push each other out of the cache.
const int SAMPLES_AHEAD = 4;
const int64_t ITEMS_AT_LEAST = 256; // worth a thread

// Where `count` samples of one query and head lie: `left` .. `lower` are the bilinear weights of the
// cells around it and `d_..` their slopes along the axis, from the right.
template <typename T> struct Samples {
    int count;
    const T *weights;
    int32_t cell[PIECE];
    T left[PIECE], right[PIECE], upper[PIECE], lower[PIECE];
    T corners[4][PIECE]; // their products with the attention weight, row by row
    T d_left[PIECE], d_right[PIECE], d_upper[PIECE], d_lower[PIECE];
    int64_t item; // (image, query, head)
    int first;    // which sample of the item comes first
};

// Of each sample: its level's sides and first row, repeated for every point.
template <typename T> struct Levels {
    T width[PIECE], height[PIECE], last_column[PIECE], last_row[PIECE], has_right[PIECE],
        has_below[PIECE];
    int32_t start[PIECE], columns[PIECE];
    int64_t right[PIECE], below[PIECE]; // elements from a row to its neighbours
};

template <typename T>
INLINE void read_levels(const Call &call, const HeadRows<T> &value, int first, int count,
                        Levels<T> &levels) {
    int32_t start = -value.first_token;
    int sample = 0;
    int64_t stride = value.stride;
    for (int64_t level = 0; level < call.levels; level++) {
        int64_t height = call.level_shapes[2 * level], width = call.level_shapes[2 * level + 1];
        for (int64_t point = 0; point < call.points; point++, sample++) {
            int at = sample - first;
            if (at < 0 || at >= count) continue;
            levels.width[at] = width;
            levels.height[at] = height;
            levels.last_column[at] = width > 1 ? width - 2 : 0;
            levels.last_row[at] = height > 1 ? height - 2 : 0;
            levels.has_right[at] = width > 1;
            levels.has_below[at] = height > 1;
            levels.start[at] = start;
            levels.columns[at] = width;
            levels.right[at] = width > 1 ? stride : 0;
            levels.below[at] = height > 1 ? width * stride : 0;
        }
        start += height * width;
    }
}

// The cell before a position, moved inside so that the next cell exists as well: a tent weight is 0
// where its cell does not surround the position, which pads the map with zeros without any test.
template <bool slopes, typename T>
INLINE void tents(T position, T last, T has_next, int32_t &cell, T &weight, T &next, T &d_weight,
                  T &d_next) {
    T inside = position > 0 ? position : 0; // also where it is not a number
    inside = inside < last ? inside : last;
    cell = (int32_t)inside;
    T distance = position - (T)cell;
    T beyond = distance - 1;
    T tent = 1 - (distance < 0 ? -distance : distance);
    T next_tent = 1 - (beyond < 0 ? -beyond : beyond);
    weight = tent < 0 ? 0 : tent;
    next = (next_tent < 0 ? 0 : next_tent) * has_next;
    if (slopes) {
        T falls = (distance >= 0) & (distance < 1) ? (T)1 : (T)0;
        d_weight = ((distance >= -1) & (distance < 0) ? (T)1 : (T)0) - falls;
        d_next = (falls - ((distance >= 1) & (distance < 2) ? (T)1 : (T)0)) * has_next;
    }
}

// Reading ahead of the end is harmless: nothing is loaded that does not exist.
template <typename T> INLINE void prefetch_from(const T *first, int count) {
    for (int64_t byte = 0; byte < count * (int64_t)sizeof(T); byte += CACHE_LINE)
        __builtin_prefetch((const char *)first + byte);
}

template <bool slopes, typename T>
INLINE void prepare(const Call &call, const Levels<T> &levels, int64_t item, int first, int count,
                    Samples<T> &samples) {
    int64_t sample = item * call.levels * call.points + first;
    const T *locations = (const T *)call.locations + 2 * sample;
    int64_t samples_ahead = QUERIES_AHEAD * call.heads * call.levels * call.points;
    samples.count = count;
    samples.item = item;
    samples.first = first;
    samples.weights = (const T *)call.weights + sample;
    prefetch_from(locations + 2 * samples_ahead, 2 * count);
    prefetch_from(samples.weights + samples_ahead, count);
    int32_t column[PIECE], row[PIECE];
    for (int i = 0; i < count; i++) {
        tents<slopes>(locations[2 * i] * levels.width[i] - (T)0.5, levels.last_column[i],
                      levels.has_right[i], column[i], samples.left[i], samples.right[i],
                      samples.d_left[i], samples.d_right[i]);
        tents<slopes>(locations[2 * i + 1] * levels.height[i] - (T)0.5, levels.last_row[i],
                      levels.has_below[i], row[i], samples.upper[i], samples.lower[i],
                      samples.d_upper[i], samples.d_lower[i]);
        samples.cell[i] = levels.start[i] + row[i] * levels.columns[i] + column[i];
        T upper = samples.upper[i] * samples.weights[i], lower = samples.lower[i] * samples.weights[i];
        samples.corners[0][i] = upper * samples.left[i];
        samples.corners[1][i] = upper * samples.right[i];
        samples.corners[2][i] = lower * samples.left[i];
        samples.corners[3][i] = lower * samples.right[i];
    }
}

// The four rows around a sample to come, `SAMPLES_AHEAD` after sample i.
template <bool write, typename T>
INLINE void prefetch(const HeadRows<T> &table, const Levels<T> &levels, const Samples<T> &samples,
                     const Samples<T> &next, int i, int64_t channels) {
    int ahead = samples.count < SAMPLES_AHEAD ? samples.count : SAMPLES_AHEAD;
    bool is_next = i + ahead >= samples.count;
    int sample = is_next ? i + ahead - samples.count : i + ahead;
    int32_t cell = is_next ? next.cell[sample] : samples.cell[sample];
    const char *row = (const char *)(table.rows + cell * table.stride);
    int64_t right = levels.right[sample] * sizeof(T), below = levels.below[sample] * sizeof(T);
    for (int64_t byte = 0; byte < channels * (int64_t)sizeof(T); byte += CACHE_LINE) {
        __builtin_prefetch(row + byte, write, 3);
        __builtin_prefetch(row + byte + right, write, 3);
        __builtin_prefetch(row + byte + below, write, 3);
        __builtin_prefetch(row + byte + below + right, write, 3);
    }
}

} // namespace
