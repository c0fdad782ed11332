// Sky colour and fog; all colours are linear light before exposure.
uniform vec3 sun_direction;
uniform vec3 sun_color;
uniform vec3 sky_zenith;
uniform vec3 sky_horizon;
uniform vec3 fog_color;
uniform vec4 fog;      // density 1/m at the eye, soft start m, falloff 1/m, glow of the sun in haze
uniform vec4 weather;  // wetness, puddles, rain, cloud: each 0..1
uniform float night;
uniform float elapsed_s;
uniform float city_glow;
uniform float wind;
uniform vec3 afterglow;       // of dusk, on the side of the sun
uniform vec3 moon_direction;
uniform vec3 moon_color;

// Share of the light from a distance that fog swallows; exponential in height, exactly integrated along the ray.
float fog_amount(float distance_m, float rise_m) {
    float d = distance_m * distance_m / (distance_m + fog.y + 0.01);
#ifdef PAINTED
    // Veils one behind the other.
    float veil = d / 14.0;
    d = 14.0 * (floor(veil) + smoothstep(0.45, 0.90, fract(veil)));
#endif
    float t = clamp(rise_m * fog.z, -6.0, 30.0);
    float thinner = abs(t) < 0.001 ? 1.0 : (1.0 - exp(-t)) / t;
    return 1.0 - exp(-d * fog.x * thinner);
}
#ifdef DUSK
vec3 dusk_glow(vec3 v) {
    float side = clamp(0.5 + 0.5 * dot(v.xy, sun_direction.xy), 0.0, 1.0);
    return afterglow * side * side * side;
}
#endif
vec3 fog_light(vec3 v) {
    float toward = max(dot(v, sun_direction), 0.0), cube = toward * toward * toward;
    vec3 c = fog_color + sun_color * fog.w * (0.10 * cube * cube);
#ifdef DUSK
    c += dusk_glow(v) * 0.45;
#endif
    return c;
}
vec3 sky(vec3 v, bool details) {
    float up = max(v.z, 0.0);
    vec3 c = mix(sky_horizon, sky_zenith, pow(up, 0.5));
    float toward = max(dot(v, sun_direction), 0.0);
#ifdef DUSK
    c += dusk_glow(v) * exp(-4.0 * up);
#endif
#ifdef SUN
    c += sun_color * (0.05 * pow(toward, 5.0) + 0.16 * pow(toward, 40.0)) * fog.w;
    if (details) c += sun_color * 6.0 * smoothstep(0.9994, 0.9998, toward) * (1.0 - weather.w);
#endif
#ifdef NIGHT
    if (details) {
        float open = pow(1.0 - weather.w, 3.0) * night;
        vec2 plane = v.xy / (v.z + 0.35) * 95.0, cell = floor(plane);
#ifdef PAINTED
        // Few large stars with four rays.
        vec2 ray_of = abs(fract(v.xy / (v.z + 0.35) * 24.0) - 0.5);
        float few = step(0.86, hash2(floor(v.xy / (v.z + 0.35) * 24.0) + 5.0));
        c += vec3(0.9, 1.0, 0.8) * open * few * 0.35 * smoothstep(0.34, 0.0, ray_of.x * 2.0 + ray_of.y * 2.0 + 18.0 * min(ray_of.x, ray_of.y))
           * smoothstep(0.02, 0.25, v.z);
        open = 0.0;
#endif
        // Most stars are faint; each has a place, a size and a colour of its own within its cell.
        float chance = hash2(cell), grade = hash2(cell + 3.0);
        vec2 place = vec2(hash2(cell + 17.0), hash2(cell + 29.0)) * 0.7 + 0.15;
        float bright = 0.10 + 1.5 * grade * grade * grade * grade;
        float dot_size = 0.11 + 0.13 * grade;
        vec3 tint = mix(vec3(1.0, 0.84, 0.68), vec3(0.72, 0.84, 1.0), hash2(cell + 41.0));
        c += tint * open * step(0.93, chance) * bright * 0.30 * smoothstep(dot_size, dot_size * 0.3, length(plane - cell - place))
           * smoothstep(0.02, 0.25, v.z);
        float moon = max(dot(v, moon_direction), 0.0);
        c += moon_color * (26.0 * smoothstep(0.99955, 0.99972, moon) + 2.2 * pow(moon, 300.0) + 0.5 * pow(moon, 24.0));
    }
    c += city_glow * vec3(1.0, 0.66, 0.36) * exp(-5.0 * up);
#endif
#ifdef CLOUD
    if (details && v.z > 0.01) {
        vec2 q = v.xy / (v.z + 0.09) * 1.05 + elapsed_s * (0.003 + 0.012 * wind);
        float body = fbm(q);
        float cover = smoothstep(0.80 - 0.86 * weather.w, 1.02 - 0.62 * weather.w, body + 0.14);
        float thick = smoothstep(0.30, 0.75, fbm(q * 1.7 + 11.0));
#ifdef PAINTED
        // Heaped clouds with hard rims and flat shadows, or banks of stratus where the sky is full of them.
        vec2 heap = q * vec2(0.55, 1.3) + 0.6 * vec2(noise2(q * 3.0), noise2(q * 3.0 + 4.0));
        body = noise2(heap * 2.0) * 0.65 + noise2(heap * 5.0) * 0.35;
        cover = smoothstep(0.0, 0.05, body - (0.80 - 0.75 * weather.w));
        thick = smoothstep(0.48, 0.54, noise2(heap * 3.1 + 2.0)) * 0.55 + smoothstep(0.66, 0.70, body) * 0.3;
#endif
        vec3 bright = sky_horizon * 1.08 + sun_color * (0.13 + 0.25 * pow(toward, 8.0)) * (1.0 - 0.8 * weather.w);
        vec3 dark = sky_zenith * 0.42 + sky_horizon * 0.34;
#ifdef DUSK
        bright += dusk_glow(v) * (0.25 + 0.75 * exp(-3.0 * up));
#endif
#ifdef NIGHT
        bright += city_glow * vec3(1.0, 0.66, 0.36) * exp(-3.0 * up);
#endif
        c = mix(c, mix(bright, dark, 0.25 * weather.w + 0.62 * thick), cover * smoothstep(0.01, 0.13, v.z));
    }
#endif
    return c;
}
