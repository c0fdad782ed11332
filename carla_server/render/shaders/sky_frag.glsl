// Light pass where nothing stands before the sky.
#include "noise"
#include "sky"
#include "tone"
#include "lamps"
uniform mat3 axes;       // columns forward, right, up
uniform vec2 half_size;  // of the picture on the plane one metre ahead
uniform vec2 resolution;

void main() {
    vec2 s = (gl_FragCoord.xy / resolution * 2.0 - 1.0) * half_size;
    vec3 v = normalize(axes[0] + axes[1] * s.x - axes[2] * s.y);
    // Fog hides the sky near the horizon, all of it when dense: a ray leaves it the sooner the steeper it rises.
    float veil = 1.0 - exp(-max(fog.x - 0.0005, 0.0) / (fog.z * max(v.z, 0.0) + 0.004));
    vec3 c = mix(sky(v, true), fog_light(v), veil);
#ifdef AIRLIGHT
    c += air_light(v, 66.0);
#endif
    put(c, vec3(0.0));
}
