// Vertices that lie in the world frame already.
#include "thin"
uniform mat4 view_projection;
in vec3 in_position;
in ivec4 in_normal;
in vec4 in_color;
in vec2 in_uv;
in vec4 in_ids;
out vec3 world;
out vec3 normal;
out vec3 color;
out vec2 uv;
out float glow;
flat out vec4 ids;
flat out int material;

void main() {
    normal = vec3(in_normal.xyz) / 127.0;
    world = in_position + thickening(in_position, normal, in_ids.x);
    color = in_color.rgb;
    uv = in_uv;
    glow = 0.0;
    ids = in_ids;
    material = int(in_color.a * 255.0 + 0.5);
    gl_Position = view_projection * vec4(world, 1.0);
}
