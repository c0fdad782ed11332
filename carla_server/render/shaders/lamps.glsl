// Street lamps and headlamps: what they throw on surfaces and, in fog, into the air.
uniform sampler2D lamp_map;   // r: street light on the ground, g: height of the ground
uniform vec4 lamp_frame;      // x0, y0, 1 / width, 1 / height
uniform vec3 eye;
uniform float lamps_on;
uniform int beam_count;
uniform vec4 beam_position[16];   // xyz, power
uniform vec4 beam_direction[16];  // xyz, how far the light reaches above the road: 0 dipped, 1 full
uniform int beams_in_air;         // of the first beams
uniform float airlight;
const vec3 STREET_COLOR = vec3(1.0, 0.70, 0.37), BEAM_COLOR = vec3(1.0, 0.95, 0.84);

#ifdef NIGHT
float street_light(vec3 p, vec3 n) {
    vec2 map = texture(lamp_map, (p.xy - lamp_frame.xy) * lamp_frame.zw).rg;
    float height = p.z - map.g;
    float facing = 0.25 + 0.75 * max(n.z, 0.0) + 0.25 * (1.0 - abs(n.z));
    // Pools with dark between them.
    float pool = map.r * (0.25 + 0.75 * smoothstep(0.0, 0.85, map.r));
    return 1.75 * pool * facing * exp(-max(height - 2.0, 0.0) * 0.35);
}
// Light of one lamp per solid angle, by cosines to its axis, to its side and upwards; dipped light ends below the
// horizon.
float beam_shape(float ahead, float aside, float rise) {
    float dipped = smoothstep(0.030, -0.045, rise);
    return smoothstep(0.80, 0.93, ahead) * dipped * exp(6.5 * min(rise + 0.055, 0.0) - 8.0 * aside * aside);
}
float beam_light(vec3 p, vec3 n) {
    float light = 0.0;
    for (int i = 0; i < beam_count; i++) {
        vec4 lamp = beam_position[i], axis = beam_direction[i];
        vec3 l = p - lamp.xyz;
        float r2 = dot(l, l);
        l *= inversesqrt(r2);
        float shape = beam_shape(dot(l, axis.xyz), l.x * axis.y - l.y * axis.x, l.z - axis.z - 0.10 * axis.w);
        float spot = shape * max(1.0 - r2 / 3600.0, 0.0);
        light += spot * lamp.w * (0.16 + 0.84 * max(dot(n, -l), 0.0)) / (r2 + 20.0);
    }
    return light;
}
#endif
#ifdef AIRLIGHT
// Jorge Jimenez, "Next Generation Post Processing in Call of Duty" (2014): neighbours differ evenly.
float interleaved(vec2 pixel) {
    return fract(52.9829189 * fract(dot(pixel, vec2(0.06711056, 0.00583715))));
}
// Light that the fog between the eye and a surface scatters towards the eye: pools around street lamps, beams of cars.
vec3 air_light(vec3 v, float distance_m) {
    const int STEPS = 6;
    float width = min(distance_m, 50.0) / float(STEPS), first = interleaved(gl_FragCoord.xy) * width;
    // Each step takes the same share of the light.
    float left[STEPS];
    left[0] = exp(-fog.x * first) * width;
    float passed = exp(-fog.x * width);
    for (int i = 1; i < STEPS; i++) left[i] = left[i - 1] * passed;
    vec2 map_at = (eye.xy + v.xy * first - lamp_frame.xy) * lamp_frame.zw, map_step = v.xy * width * lamp_frame.zw;
    float sum = 0.0, beams = 0.0;
    for (int i = 0; i < STEPS; i++) {
        vec2 map = texture(lamp_map, map_at + map_step * float(i)).rg;
        float height = eye.z + v.z * (first + width * float(i)) - map.g;
        // Cones under the lamps: the higher, the narrower and brighter, up to the lamp.
        float narrow = clamp(height / 6.0, 0.0, 1.0);
        sum += left[i] * map.r * mix(0.30, map.r, narrow) * smoothstep(8.0, 5.0, height);
    }
    for (int k = 0; k < beams_in_air; k++) {
        // Along the ray everything but the distance is linear: x + y * along.
        vec4 axis = beam_direction[k];
        vec3 from = eye - beam_position[k].xyz;
        vec2 ahead = vec2(dot(from, axis.xyz), dot(v, axis.xyz));
        vec2 aside = vec2(from.x * axis.y - from.y * axis.x, v.x * axis.y - v.y * axis.x);
        float from2 = dot(from, from), twice = 2.0 * dot(from, v), ends = axis.z + 0.10 * axis.w, lit = 0.0;
        for (int i = 0; i < STEPS; i++) {
            float along = first + width * float(i);
            float r2 = max(from2 + along * (twice + along), 1e-3), nearness = inversesqrt(r2);
            float shape = beam_shape((ahead.x + ahead.y * along) * nearness, (aside.x + aside.y * along) * nearness,
                (from.z + v.z * along) * nearness - ends);
            lit += left[i] * shape / (r2 + 30.0);
        }
        beams += lit * beam_position[k].w;
    }
    return (STREET_COLOR * sum * 0.55 + BEAM_COLOR * beams * 0.22) * fog.x * airlight;
}
#endif
