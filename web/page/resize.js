// Resizing by area: what OpenCV's INTER_AREA does, so that the network sees what it sees in Python.

/** For each place of a smaller row: where it begins in the larger one, and the weights from there. */
function shares(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, place) => {
    const begin = place * scale;
    const end = Math.min(begin + scale, from);
    const first = Math.floor(begin);
    const weights = [];
    for (let at = first; at < end - 1e-9; at++) {
      weights.push((Math.min(at + 1, end) - Math.max(at, begin)) / (end - begin));
    }
    return { first, weights };
  });
}

/**
 * RGBA pixels of any size as RGB of another.
 *
 * Args: `image` with `data`, `width` and `height`, as a canvas gives it.
 */
export function resized(image, width, height) {
  const columns = shares(image.width, width);
  const rows = shares(image.height, height);
  const narrow = new Float32Array(image.height * width * 3);
  for (let y = 0, to = 0; y < image.height; y++) {
    const line = y * image.width * 4;
    for (const { first, weights } of columns) {
      let red = 0, green = 0, blue = 0;
      for (let i = 0, at = line + first * 4; i < weights.length; i++, at += 4) {
        red += weights[i] * image.data[at];
        green += weights[i] * image.data[at + 1];
        blue += weights[i] * image.data[at + 2];
      }
      narrow[to++] = red;
      narrow[to++] = green;
      narrow[to++] = blue;
    }
  }
  const small = new Uint8Array(height * width * 3);
  const stride = width * 3;
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < stride; x++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * narrow[(first + i) * stride + x];
      small[y * stride + x] = Math.round(sum);
    }
  });
  return small;
}
