// What neighbours and lamps do to a surface, whatever the weather: one survey serves all conditions of an instant.
#include "lamps"
#include "surface"
layout(location = 0) out vec4 out_survey;  // how open the sky is, light of street lamps, light of headlamps

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec2 at = gl_FragCoord.xy / resolution;
    float depth = texelFetch(depth_map, pixel, 0).r;
    vec3 p = eye + ray(at) * depth;
    vec3 n = normalize(texelFetch(normal_map, pixel, 0).xyz * 2.0 - 1.0);
    out_survey = vec4(occlusion(n, at, depth), street_light(p, n), beam_light(p, n), 1.0);
}
