// Sky colour and fog; all colours are linear light before exposure.
uniform vec3 sun_direction;
uniform vec3 sun_color;
uniform vec3 sky_zenith;
uniform vec3 sky_horizon;
uniform vec3 fog_color;
uniform vec4 fog;      // density 1/m, soft start m, falloff 1/m, glow of the sun in haze
uniform vec4 weather;  // wetness, puddles, rain, cloud: each 0..1
uniform float night;
uniform float elapsed_s;
uniform float city_glow;

float fog_amount(float distance_m, float height_m) {
    float d = distance_m * distance_m / (distance_m + fog.y + 0.01);
    return 1.0 - exp(-d * fog.x * exp(-max(height_m, 0.0) * fog.z));
}
vec3 fog_light(vec3 v) {
    float toward = max(dot(v, sun_direction), 0.0), cube = toward * toward * toward;
    return fog_color + sun_color * fog.w * (0.10 * cube * cube);
}
vec3 sky(vec3 v, bool details) {
    float up = max(v.z, 0.0);
    vec3 c = mix(sky_horizon, sky_zenith, pow(up, 0.5));
    float toward = max(dot(v, sun_direction), 0.0);
#ifdef SUN
    c += sun_color * (0.05 * pow(toward, 5.0) + 0.16 * pow(toward, 40.0)) * fog.w;
    if (details) c += sun_color * 6.0 * smoothstep(0.9994, 0.9998, toward) * (1.0 - weather.w);
#endif
#ifdef NIGHT
    if (details) {
        vec2 cell = v.xy / (v.z + 0.35) * 150.0;
        float star = hash2(floor(cell));
        vec2 offset = fract(cell) - 0.5;
        c += night * step(0.994, star) * (0.2 + 1.2 * hash2(floor(cell) + 3.0)) * 0.12 * smoothstep(0.45, 0.1, length(offset))
           * smoothstep(0.02, 0.2, v.z) * pow(1.0 - weather.w, 3.0);
    }
    c += city_glow * vec3(1.0, 0.72, 0.45) * exp(-6.0 * up);
#endif
#ifdef CLOUD
    if (details && v.z > 0.01) {
        vec2 q = v.xy / (v.z + 0.09) * 1.05 + elapsed_s * 0.004;
        float body = fbm(q);
        float cover = smoothstep(0.80 - 0.86 * weather.w, 1.02 - 0.62 * weather.w, body + 0.14);
        float thick = smoothstep(0.30, 0.75, fbm(q * 1.7 + 11.0));
        vec3 bright = sky_horizon * 1.08 + sun_color * (0.13 + 0.25 * pow(toward, 8.0)) * (1.0 - 0.8 * weather.w);
        vec3 dark = sky_zenith * 0.42 + sky_horizon * 0.34;
        c = mix(c, mix(bright, dark, 0.25 * weather.w + 0.62 * thick), cover * smoothstep(0.01, 0.13, v.z));
    }
#endif
    return c;
}
