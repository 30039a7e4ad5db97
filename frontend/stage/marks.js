/** What tools draw over the picture: dots, boxes, strokes, corners. Sizes are CSS pixels. */

/** Draw the dots of clicks: green inside, red outside; hollow while they wait. */
export function drawPoints(context, { scale }, points, isWaiting = false) {
  for (const { x, y, label } of points) {
    context.beginPath();
    context.arc(x, y, 6 / scale, 0, 2 * Math.PI);
    context.fillStyle = label ? "#1fae5b" : "#e5484d";
    context.globalAlpha = isWaiting ? 0.55 : 1;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2 / scale;
    context.strokeStyle = "white";
    context.stroke();
    context.beginPath();
    context.moveTo(x - 3 / scale, y);
    context.lineTo(x + 3 / scale, y);
    if (label) {
      context.moveTo(x, y - 3 / scale);
      context.lineTo(x, y + 3 / scale);
    }
    context.lineWidth = 1.5 / scale;
    context.stroke();
  }
}

/** Draw what a click would make. */
export function drawPreview(context, { scale }, path) {
  context.save();
  context.fillStyle = "rgb(255 255 255 / 0.3)";
  context.fill(path);
  context.lineWidth = 1.5 / scale;
  context.setLineDash([4 / scale, 3 / scale]);
  context.strokeStyle = "white";
  context.stroke(path);
  context.restore();
}

/** Draw a box that is being dragged or waits. */
export function drawBand(context, { scale }, [x0, y0, x1, y1]) {
  context.save();
  context.fillStyle = "rgb(255 210 0 / 0.15)";
  context.fillRect(x0, y0, x1 - x0, y1 - y0);
  context.lineWidth = 3 / scale;
  context.strokeStyle = "rgb(0 0 0 / 0.5)";
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  context.lineWidth = 1.5 / scale;
  context.setLineDash([6 / scale, 4 / scale]);
  context.strokeStyle = "#ffd200";
  context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  context.restore();
}

/** Draw where a brush was, and its round tip. */
export function drawStroke(context, { scale }, path, radius, isEraser) {
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = 2 * radius;
  context.strokeStyle = isEraser ? "rgb(229 72 77 / 0.5)" : "rgb(255 255 255 / 0.5)";
  if (path.length > 1) {
    context.beginPath();
    path.forEach(({ x, y }, index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
  const tip = path.at(-1);
  for (const [colour, width] of [["rgb(0 0 0 / 0.6)", 3], ["white", 1.5]]) {
    context.beginPath();
    context.arc(tip.x, tip.y, radius, 0, 2 * Math.PI);
    context.lineWidth = width / scale;
    context.strokeStyle = colour;
    context.stroke();
  }
  context.restore();
}

/** Draw polygons with their corners; one that is open ends at the pointer. */
export function drawPolygons(context, { scale }, polygons, isOpen, tip = null) {
  context.save();
  context.beginPath();
  for (const corners of polygons) {
    corners.forEach(({ x, y }, index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (!isOpen) context.closePath();
    else if (tip && corners.length) context.lineTo(tip.x, tip.y);
  }
  context.lineWidth = 3 / scale;
  context.strokeStyle = "rgb(0 0 0 / 0.5)";
  context.stroke();
  context.lineWidth = 1.5 / scale;
  context.strokeStyle = "#ffd200";
  context.stroke();
  const side = 7 / scale;
  context.fillStyle = "white";
  context.lineWidth = 1 / scale;
  context.strokeStyle = "black";
  for (const { x, y } of polygons.flat()) {
    context.fillRect(x - side / 2, y - side / 2, side, side);
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }
  context.restore();
}

/** Draw the cross that the arrow keys move. */
export function drawCross(context, { scale }, { x, y }) {
  const arm = 12 / scale;
  for (const [colour, width] of [["rgb(0 0 0 / 0.7)", 4], ["white", 1.75]]) {
    context.beginPath();
    context.moveTo(x - arm, y);
    context.lineTo(x + arm, y);
    context.moveTo(x, y - arm);
    context.lineTo(x, y + arm);
    context.lineWidth = width / scale;
    context.strokeStyle = colour;
    context.stroke();
  }
}
