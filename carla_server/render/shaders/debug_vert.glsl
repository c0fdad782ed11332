uniform mat4 view_projection;
in vec3 in_position;
in vec4 in_color;
flat out vec3 color;

void main() {
    color = in_color.rgb;
    gl_Position = view_projection * vec4(in_position, 1.0);
}
