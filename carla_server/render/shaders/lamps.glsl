// Street lamps and headlamps: what they throw on surfaces and, in fog, into the air. Needs "noise" and "sky" before it.
uniform sampler2D lamp_map;   // r: street light on the ground, g: height of the ground
uniform vec4 lamp_frame;      // x0, y0, 1 / width, 1 / height
uniform vec3 eye;
uniform float lamps_on;
uniform int beam_count;
uniform vec4 beam_position[16];   // xyz, power
uniform vec4 beam_direction[16];  // xyz, how far the light reaches above the road: 0 dipped, 1 full
uniform float airlight;

#ifdef NIGHT
vec3 street_light(vec3 p, vec3 n) {
    vec2 map = texture(lamp_map, (p.xy - lamp_frame.xy) * lamp_frame.zw).rg;
    float height = p.z - map.g;
    float facing = 0.25 + 0.75 * max(n.z, 0.0) + 0.25 * (1.0 - abs(n.z));
    // Pools with dark between them.
    float pool = map.r * (0.25 + 0.75 * smoothstep(0.0, 0.85, map.r));
    return vec3(1.0, 0.70, 0.37) * 1.75 * pool * lamps_on * facing * exp(-max(height - 2.0, 0.0) * 0.35);
}
// Light of one lamp in direction l, per solid angle: wide to the sides; dipped light ends below the horizon.
float beam_shape(vec3 l, vec4 beam) {
    float ahead = dot(l, beam.xyz);
    float aside = l.x * beam.y - l.y * beam.x;
    float rise = l.z - beam.z - 0.10 * beam.w;
    float dipped = smoothstep(0.030, -0.045, rise) * exp(6.5 * min(rise + 0.055, 0.0));
    return smoothstep(0.80, 0.93, ahead) * exp(-8.0 * aside * aside) * dipped;
}
vec3 lamp_light(vec3 p, vec3 n) {
    vec3 light = street_light(p, n);
    for (int i = 0; i < beam_count; i++) {
        vec3 l = p - beam_position[i].xyz;
        float r2 = dot(l, l);
        if (r2 > 3600.0) continue;
        l *= inversesqrt(r2);
        float spot = beam_shape(l, beam_direction[i]) * (1.0 - r2 / 3600.0);
        light += vec3(1.0, 0.95, 0.84) * spot * beam_position[i].w * (0.16 + 0.84 * max(dot(n, -l), 0.0)) / (r2 + 20.0);
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
    float reach = min(distance_m, 50.0), jitter = interleaved(gl_FragCoord.xy), sum = 0.0, beams = 0.0;
    for (int i = 0; i < STEPS; i++) {
        float width = reach / float(STEPS), along = (float(i) + jitter) * width;
        vec3 p = eye + v * along;
        vec2 map = texture(lamp_map, (p.xy - lamp_frame.xy) * lamp_frame.zw).rg;
        float height = p.z - map.g, left = exp(-fog.x * along) * width;
        // Cones under the lamps: the higher, the narrower and brighter, up to the lamp.
        float narrow = clamp(height / 6.0, 0.0, 1.0);
        sum += left * map.r * mix(0.30, map.r, narrow) * smoothstep(8.0, 5.0, height);
        for (int k = 0; k < min(beam_count, 3); k++) {
            vec3 l = p - beam_position[k].xyz;
            float r2 = dot(l, l);
            l *= inversesqrt(r2);
            beams += left * beam_shape(l, beam_direction[k]) * beam_position[k].w / (r2 + 30.0);
        }
    }
    return (vec3(1.0, 0.70, 0.37) * sum * 0.55 + vec3(1.0, 0.95, 0.84) * beams * 0.22) * fog.x * airlight;
}
#endif
