// Light pass where nothing stands before the sky.
#include "noise"
#include "sky"
#include "tone"
uniform mat3 axes;       // columns forward, right, up
uniform vec2 half_size;  // of the picture on the plane one metre ahead
uniform vec2 resolution;

void main() {
    vec2 s = (gl_FragCoord.xy / resolution * 2.0 - 1.0) * half_size;
    vec3 v = normalize(axes[0] + axes[1] * s.x - axes[2] * s.y);
    // Fog hides the sky near the horizon, all of it when dense.
    float veil = 1.0 - exp(-fog.x * 190.0 * exp(-max(v.z, 0.0) * 2.6 / (0.25 + min(1.0, fog.x * 30.0))));
    put(mix(sky(v, true), fog_light(v), veil), vec3(0.0));
}
