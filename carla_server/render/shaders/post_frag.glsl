// Last pass: edges are smoothed, lamps bloom, rain falls before the lens, the sensor adds its noise.
// Switches: NIGHT (bloom), RAIN, METERED, PAINTED, FLARE, FRINGE, DISTORTION.
#include "noise"
uniform sampler2D picture;
uniform sampler2D bloom_near;
uniform sampler2D bloom_far;
uniform sampler2D meter;
uniform vec2 resolution;
uniform float bloom_gain;
uniform float rain;
uniform float wind;
uniform float elapsed_s;
uniform float frame_seed;
uniform float noise_gain;
uniform vec3 rain_color;
uniform float flare;
uniform vec2 sun_on_picture;
uniform vec2 fringe;            // percent of the width at the corners, where it begins
uniform vec4 distortion;        // k, kcube, gain and falloff of the share
uniform vec2 distortion_share;  // along each axis
layout(location = 0) out vec4 out_bgra;

// Edge smoothing after Timothy Lottes, "FXAA" (2009), the short console variant.
vec3 smoothed(vec2 at) {
    vec2 px = 1.0 / resolution;
#if defined(RAIN) || defined(FRINGE) || defined(DISTORTION)
    vec4 middle = texture(picture, at);
    float nw = texture(picture, at - px).a, se = texture(picture, at + px).a;
    float ne = texture(picture, at + vec2(px.x, -px.y)).a, sw = texture(picture, at + vec2(-px.x, px.y)).a;
#else
    // Pixels as they are: cheaper than filtered ones, and the same.
    ivec2 pixel = ivec2(gl_FragCoord.xy), last = ivec2(resolution) - 1;
    ivec2 low_pixel = max(pixel - 1, ivec2(0)), high_pixel = min(pixel + 1, last);
    vec4 middle = texelFetch(picture, pixel, 0);
    float nw = texelFetch(picture, low_pixel, 0).a, se = texelFetch(picture, high_pixel, 0).a;
    float ne = texelFetch(picture, ivec2(high_pixel.x, low_pixel.y), 0).a;
    float sw = texelFetch(picture, ivec2(low_pixel.x, high_pixel.y), 0).a;
#endif
    float m = middle.a;
    float low = min(m, min(min(nw, ne), min(sw, se))), high = max(m, max(max(nw, ne), max(sw, se)));
    if (high - low < 0.045) return middle.rgb;
    vec2 along = vec2(-((nw + ne) - (sw + se)), (nw + sw) - (ne + se));
    float reduce = max((nw + ne + sw + se) * 0.03125, 0.0078);
    along = clamp(along / (min(abs(along.x), abs(along.y)) + reduce), -6.0, 6.0) * px;
    vec4 narrow = 0.5 * (texture(picture, at - along / 6.0) + texture(picture, at + along / 6.0));
    vec4 wide = 0.5 * narrow + 0.25 * (texture(picture, at - 0.5 * along) + texture(picture, at + 0.5 * along));
    return wide.a < low || wide.a > high ? narrow.rgb : wide.rgb;
}
#ifdef RAIN
#ifdef PAINTED
// Long strokes of a pen, all of one slant, bundled in gusts.
float streaks(vec2 at) {
    vec2 p = vec2((at.x - 0.5) * resolution.x / resolution.y, at.y);
    p.x += (0.16 + wind * 0.40) * p.y;
    float sum = 0.0;
    for (int layer = 0; layer < 2; layer++) {
        float size = 30.0 + 22.0 * float(layer);
        float column = floor(p.x * size);
        float fall = p.y * (1.5 + 0.7 * float(layer)) - elapsed_s * 4.0 + 17.0 * hash2(vec2(column, float(layer) + 3.0));
        float chance = hash2(vec2(column, floor(fall) + 7.0 * float(layer)));
        float x = abs(fract(p.x * size) - 0.5), half_width = max(0.10, 0.9 * size / resolution.y);
        float gust = smoothstep(0.25, 0.6, noise2(p * 2.5 + floor(elapsed_s * 3.0)));
        sum += step(1.0 - 0.55 * rain, chance) * smoothstep(half_width, 0.4 * half_width, x)
             * smoothstep(0.0, 0.1, fract(fall)) * step(fract(fall), 0.75) * (0.45 + 0.55 * gust);
    }
    return min(sum, 1.0) * 0.8;
}
#else
// Falling streaks in three depths; a cell of a stretched grid holds at most one.
float streaks(vec2 at) {
    float sum = 0.0;
    vec2 p = vec2((at.x - 0.5) * resolution.x / resolution.y, at.y);
    p.x += (wind * 0.28 + 0.03) * p.y;
    for (int layer = 1; layer <= 3; layer++) {
        float size = 13.0 + 11.0 * float(layer);
        float column = floor(p.x * size);
        float fall = p.y * size * 0.11 - elapsed_s * (8.5 - 1.2 * float(layer)) + 31.0 * hash2(vec2(column, float(layer)));
        vec2 cell = vec2(column, floor(fall));
        float chance = hash2(cell + 19.0 * float(layer));
        float x = abs(fract(p.x * size) - 0.5 - 0.3 * (hash2(cell + 5.0) - 0.5));
        float half_width = max(0.055, (1.15 - 0.2 * float(layer)) * size / resolution.y);
        float along = fract(fall);
        float body = smoothstep(half_width, 0.0, x) * smoothstep(0.0, 0.4, along) * smoothstep(1.0, 0.65, along);
        sum += step(1.0 - 0.62 * rain, chance) * body * (0.75 / float(layer)) * min(1.0, 0.065 / half_width + 0.25);
    }
    return min(sum, 1.0);
}
#endif
#endif

// White stays white.
vec3 exposed(vec3 c) {
#ifdef METERED
    float gain = texelFetch(meter, ivec2(0), 0).r;
    return c * gain / (1.0 + c * (gain - 1.0));
#else
    return c;
#endif
}

#ifdef DISTORTION
vec2 distorted(vec2 at) {
    vec2 off = (at - 0.5) * vec2(resolution.x / resolution.y, 1.0) * 2.0;
    float r = length(off);
    float share = min(1.0, distortion.z * pow(r, distortion.w));
    vec2 moved = (at - 0.5) * (1.0 + share * distortion_share * r * r * (distortion.x + distortion.y * r));
    return clamp(moved + 0.5, 0.0, 1.0);
}
#endif
// The picture behind the lens.
vec3 through(vec2 at) {
#ifdef DISTORTION
    at = distorted(at);
#endif
    vec3 c = smoothed(at);
#ifdef FRINGE
    vec2 off = (at - 0.5) * 2.0;
    float amount = 0.005 * fringe.x * clamp((length(off) * 0.7071 - fringe.y) / max(1.0 - fringe.y, 0.01), 0.0, 1.0);
    if (amount > 0.0) {
        c.r = texture(picture, clamp(at - off * amount, 0.0, 1.0)).r;
        c.b = texture(picture, clamp(at + off * amount, 0.0, 1.0)).b;
    }
#endif
    return c;
}
#ifdef FLARE
// Ghosts of the sun on the line through the middle of the picture, as far as nothing hides it.
vec3 ghosts(vec2 at) {
    if (any(greaterThan(abs(sun_on_picture - 0.5), vec2(0.5)))) return vec3(0.0);
    float open = 0.0;
    for (int i = 0; i < 9; i++) {
        vec2 near = sun_on_picture + 0.012 * vec2(i % 3 - 1, i / 3 - 1);
        open += smoothstep(0.90, 0.985, texture(picture, near).a) / 9.0;
    }
    vec2 aspect = vec2(resolution.x / resolution.y, 1.0), away = sun_on_picture - 0.5;
    vec3 sum = vec3(1.0, 0.9, 0.7) * 0.5 * exp(-7.0 * length((at - sun_on_picture) * aspect));
    for (int i = 0; i < 4; i++) {
        float step_of = float(i), size = 0.045 + 0.035 * step_of;
        float ring = length((at - (0.5 - away * (0.35 + 0.42 * step_of))) * aspect) / size;
        vec3 tint = 0.5 + 0.5 * cos(vec3(0.0, 2.1, 4.2) + step_of * 1.7);
        sum += tint * 0.22 * smoothstep(1.0, 0.85, ring) * (0.4 + 0.6 * ring * ring);
    }
    return sum * open * flare;
}
#endif

void main() {
    vec2 at = gl_FragCoord.xy / resolution;
    vec3 c;
    vec3 halo = vec3(0.0);
#ifdef NIGHT
    halo = (texture(bloom_near, at).rgb * 0.9 + texture(bloom_far, at).rgb * 1.5) * bloom_gain;
#endif
#ifdef RAIN
    // Drops on the lens bend the picture behind them.
    vec2 grid = at * vec2(9.0 * resolution.x / resolution.y, 9.0);
    vec2 cell = floor(grid);
    float slot = floor(elapsed_s * 0.7 + hash2(cell + 3.0));
    vec2 center = vec2(hash2(cell + slot * 7.0), hash2(cell + slot * 7.0 + 41.0)) * 0.6 + 0.2;
    float radius = 0.05 + 0.10 * hash2(cell + 77.0 + slot);
    vec2 off = fract(grid) - center;
    float drop = step(1.0 - 0.16 * rain, hash2(cell + 13.0 + slot)) * smoothstep(radius, radius * 0.6, length(off));
    vec2 bent = clamp(at - off * drop * 0.22, 0.0, 1.0);
    c = exposed(through(bent));
    float streak = streaks(at);
    c = mix(c, min(rain_color + halo * 1.5, vec3(1.0)), 0.58 * streak);
    c += 0.05 * drop;
#else
    c = exposed(through(at));
#endif
    c = 1.0 - (1.0 - c) * (1.0 - min(halo, vec3(0.95)));
#ifdef FLARE
    c = 1.0 - (1.0 - c) * (1.0 - min(ghosts(at), vec3(0.9)));
#endif
#ifdef PAINTED
    // The grain of the paper stays where it is.
    c *= 0.965 + 0.07 * noise2(gl_FragCoord.xy * 0.55);
#endif
    c += (hash2(gl_FragCoord.xy + frame_seed) - 0.5) * noise_gain;
    out_bgra = vec4(c.bgr, 1.0);
}
