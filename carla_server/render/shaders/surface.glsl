// What the G-buffer says of the surface behind a pixel, and how open the sky is above it.
uniform sampler2D normal_map;
uniform sampler2D depth_map;
uniform mat3 axes;            // columns forward, right, up
uniform vec2 half_size;       // of the picture on the plane one metre ahead
uniform vec2 resolution;

vec3 ray(vec2 at) {
    vec2 s = (at * 2.0 - 1.0) * half_size;
    return axes[0] + axes[1] * s.x - axes[2] * s.y;
}
const vec2 SPIRAL[6] = vec2[](vec2(0.29, 0.0), vec2(-0.37, 0.34), vec2(0.06, -0.64), vec2(0.46, 0.61), vec2(-0.85, -0.15),
    vec2(0.81, -0.51));
// Ambient occlusion after McGuire et al., "The Alchemy screen-space ambient obscurance algorithm" (2011).
float occlusion(vec3 n, vec2 at, float depth) {
    float reach = clamp(0.75 / (depth * 2.0 * half_size.x), 1.5 / resolution.x, 0.12);
    vec2 shape = reach * vec2(1.0, resolution.x / resolution.y);
    // In the camera's frame: forward, right, down.
    vec3 m = n * axes * vec3(1.0, 1.0, -1.0);
    vec2 here = (at * 2.0 - 1.0) * half_size;
    float sum = 0.0;
    for (int i = 0; i < 6; i++) {
        vec2 offset = SPIRAL[i] * shape;
        float z = texture(depth_map, at + offset).r;
        vec3 v = vec3(z - depth, here * (z - depth) + offset * (2.0 * half_size) * z);
        float vv = dot(v, v);
        sum += max(dot(v, m) - 0.004 * depth - 0.045, 0.0) / (vv + 0.04) * step(vv, 2.2) * step(1e-3, z);
    }
    return clamp(1.0 - 0.34 * sum, 0.25, 1.0);
}
