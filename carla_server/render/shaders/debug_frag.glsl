flat in vec3 color;
out vec4 out_bgra;

void main() {
    out_bgra = vec4(color.bgr, 1.0);
}
