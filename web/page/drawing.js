// Boxes, ids and trails on a canvas.

const TRAIL = 40; // frames

export function colourOf(id, alpha = 1) {
  return `hsl(${(id * 222.5) % 360} 85% 55% / ${alpha})`;
}

export class Drawing {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.trails = new Map();
  }

  reset() {
    this.trails.clear();
  }

  /** Paint a frame, and give its pixels. */
  paint(picture, width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.reset();
    }
    this.pen.drawImage(picture, 0, 0, width, height);
    return this.pen.getImageData(0, 0, width, height);
  }

  /** Draw what was found over the frame painted last. */
  draw(objects) {
    const size = Math.max(12, Math.round(this.canvas.width / 55));
    this.pen.font = `600 ${size}px system-ui, sans-serif`;
    this.pen.lineWidth = Math.max(2, size / 7);
    const seen = new Set(objects.map(({ id }) => id));
    for (const { id, box: [left, , right, bottom] } of objects) {
      const trail = this.trails.get(id) ?? [];
      trail.push([(left + right) / 2, bottom]);
      this.trails.set(id, trail.slice(-TRAIL));
    }
    for (const [id, trail] of this.trails) {
      if (!seen.has(id) && trail.shift() && trail.length === 0) this.trails.delete(id);
      this.line(trail, colourOf(id, 0.8));
    }
    for (const object of objects) this.box(object, size);
  }

  line(points, colour) {
    this.pen.strokeStyle = colour;
    this.pen.beginPath();
    for (const [x, y] of points) this.pen.lineTo(x, y);
    this.pen.stroke();
  }

  box({ id, box: [left, top, right, bottom] }, size) {
    this.pen.strokeStyle = this.pen.fillStyle = colourOf(id);
    this.pen.strokeRect(left, top, right - left, bottom - top);
    const width = this.pen.measureText(`${id}`).width + size * 0.6;
    this.pen.fillRect(left, Math.max(0, top - size * 1.2), width, size * 1.2);
    this.pen.fillStyle = "#101418";
    this.pen.fillText(`${id}`, left + size * 0.3, Math.max(0, top - size * 1.2) + size * 0.95);
  }
}
