// What the Python side hands over; `_Call` of compiled.py mirrors it.
#pragma once

#include <stdint.h>

typedef void (*Range)(int64_t begin, int64_t end, void *context);
typedef int32_t (*ParallelFor)(int64_t begin, int64_t end, int64_t grain, Range, void *context);

extern "C" struct Call {
    ParallelFor parallel_for;
    int64_t is_double, images, tokens, heads, channels, queries, levels, points, threads;
    const int64_t *level_shapes; // height, width of each level
    const void *value;           // images, tokens, heads, channels
    const void *locations;       // images, queries, heads, levels, points, (x, y)
    const void *weights;         // images, queries, heads, levels, points
    const void *grad_output;     // images, queries, heads, channels
    void *output;                // like grad_output
    void *grad_value, *grad_locations, *grad_weights; // like theirs; grad_value holds zeros
};
