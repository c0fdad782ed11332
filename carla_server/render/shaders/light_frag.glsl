// Light pass where there is a surface: one picture from the G-buffer under one weather.
// Switches: SUN (direct light), NIGHT (lamps), WET, CLOUD, DUSK (glow of the low sun), AIRLIGHT (lamps seen in fog),
// PAINTED (the other style).
#include "materials"
#include "noise"
#include "sky"
#include "tone"
#include "lamps"
#include "surface"
#ifdef PAINTED
#include "paint"
#endif
uniform sampler2D albedo_map;
#ifdef NIGHT
uniform sampler2D survey_map;  // by survey_frag
#endif
uniform sampler2DShadow static_shadow;
uniform sampler2DShadow actor_shadow;
uniform mat4 view_projection;
uniform mat4 shadow_projection;
uniform vec3 bounce;          // light from the ground
uniform vec3 sky_light;       // light from the whole sky
uniform ivec2 glints;         // first and end of the beams that the ground may mirror towards the eye

vec3 emission(int m, vec3 a, float amount) {
    if (m == GLASS) return vec3(1.0, 0.60, 0.25) * amount * amount * 0.62 * lamps_on;
    if (m == HEADLAMP) return vec3(1.0, 0.96, 0.86) * amount * (2.0 + 12.0 * night);
    if (m == TAIL_LAMP) return a * amount * (5.0 + 5.0 * night);
    if (m == STREET_LAMP) return vec3(1.0, 0.80, 0.50) * 14.0 * lamps_on;
    if (m == SIGNAL_LAMP) return a * amount * (2.6 + 2.4 * night);
    return vec3(0.0);
}
#ifdef SUN
float sun_visible(vec3 p, vec3 n) {
    vec3 place = (shadow_projection * vec4(p, 1.0)).xyz * 0.5 + 0.5, off = mat3(shadow_projection) * n * 0.5;
    vec3 s = place + off * 0.10;
    if (any(greaterThan(abs(s.xy - 0.5), vec2(0.495)))) return 1.0;
    s.z -= 0.0010;
    vec3 t = vec3(0.45, -0.3, 0.0) / 1024.0;
    float fixed_things = 0.5 * (texture(static_shadow, s + t) + texture(static_shadow, s - t));
    float fade = smoothstep(0.495, 0.42, max(abs(s.x - 0.5), abs(s.y - 0.5)));
    // The actors' map is drawn with coarse meshes: a longer offset keeps them from shading themselves.
    vec3 a = place + off * 0.22;
    a.z -= 0.0012;
    return mix(1.0, fixed_things * texture(actor_shadow, a), fade);
}
#endif
vec3 fogged(vec3 c, vec3 p, vec3 v, float d) {
    return mix(c, fog_light(v), fog_amount(d, p.z - eye.z));
}
// Light reflected towards the eye from what a mirrored ray meets on the screen; the sky where it meets nothing.
#ifdef WET
vec3 mirrored(vec3 p, vec3 n, vec3 r, float d, vec3 ambient) {
    float reach = 0.30 + d * 0.03;
    vec2 found = vec2(-1.0);
    float found_z = 0.0;
    vec4 clip = view_projection * vec4(p + n * 0.03, 1.0), along = view_projection * vec4(r, 0.0);
    // What is met is lit after the loop: within, all pixels would pay for it at every step.
    for (int i = 0; i < 15; i++) {
        clip += along * reach;
        reach *= 1.30;
        if (clip.w < 0.1) break;
        vec2 at = clip.xy / clip.w * 0.5 + 0.5;
        if (any(greaterThan(abs(at - 0.5), vec2(0.5)))) break;
        float z = texelFetch(depth_map, ivec2(at * resolution), 0).r;
        if (z > 0.0 && z < clip.w && clip.w - z < reach * 1.6 + 0.8) {
            found = at;
            found_z = z;
            break;
        }
    }
    if (found.x < 0.0) return mix(sky(normalize(vec3(r.xy, abs(r.z) + 0.02)), false), fog_light(r), 0.25);
    vec4 hit = texture(albedo_map, found), hit_normal = texture(normal_map, found);
    vec3 base = hit.rgb * (hit.rgb * 0.85 + 0.15);
    vec3 hp = eye + ray(found) * found_z;
    vec3 c = base * ambient;
#ifdef SUN
    c += base * sun_color * 0.7 * max(dot(hit_normal.xyz * 2.0 - 1.0, sun_direction), 0.0);
#endif
#ifdef NIGHT
    c += base * STREET_COLOR * lamps_on * texture(survey_map, found).g;
#endif
    c += emission(int(hit.a * 255.0 + 0.5), base, hit_normal.a);
    return fogged(c, hp, r, distance(hp, eye));
}
#endif

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec2 at = gl_FragCoord.xy / resolution;
    float depth = texelFetch(depth_map, pixel, 0).r;
    vec3 view = ray(at);
    vec3 v = normalize(view);
    vec3 c, shine = vec3(0.0);
    vec3 p = eye + view * depth;
    float d = length(view) * depth;
    vec4 surface = texelFetch(albedo_map, pixel, 0), packed_normal = texelFetch(normal_map, pixel, 0);
    vec3 a = surface.rgb * (surface.rgb * 0.85 + 0.15);
    vec3 n = normalize(packed_normal.xyz * 2.0 - 1.0);
    int m = int(surface.a * 255.0 + 0.5);
    float up = max(n.z, 0.0);
#ifdef PAINTED
    a = repainted(a, m, p, n);
#endif
    bool hard = m == ASPHALT || m == PAINT || m == PAVING || (m == CONCRETE && n.z > 0.8);
    float puddle = 0.0, wet = 0.0;
#ifdef WET
    wet = weather.x * mix(0.45, 1.0, up);
    if (hard && n.z > 0.8) {
        float basin = noise2(p.xy * 0.21) * 0.55 + noise2(p.xy * 0.83 + 5.0) * 0.45;
        puddle = smoothstep(0.95 - 0.60 * weather.y, 1.03 - 0.60 * weather.y, basin) * (m == PAVING ? 0.5 : 1.0);
        a *= mix(1.0, m == PAINT ? 0.78 : 0.45, wet);
        a *= mix(1.0, 0.62, puddle);
    } else if (m == GRASS || m == BARK || m == CONCRETE || m == FACADE || m == ROOF) a *= mix(1.0, 0.68, wet);
    else if (m == FOLIAGE || m == CLOTH) a *= mix(1.0, 0.80, wet);
#endif
#ifdef NIGHT
    vec4 survey = texelFetch(survey_map, pixel, 0);
    float open = survey.r;
#else
    float open = occlusion(n, at, depth);
#endif
    vec3 ambient = mix(bounce, sky_light, n.z * 0.5 + 0.5) * open;
    vec3 light = ambient;
    float visible = 0.0;
#ifdef SUN
    visible = sun_visible(p, n);
    light += sun_color * max(dot(n, sun_direction), 0.0) * visible;
    if (m == FOLIAGE) light += sun_color * visible * (0.22 + 0.20 * max(-dot(n, sun_direction), 0.0));
#endif
#ifdef NIGHT
    vec3 lamps = STREET_COLOR * lamps_on * survey.g + BEAM_COLOR * survey.b;
    light += (lamps + moon_color * max(dot(n, moon_direction), 0.0)) * (0.4 + 0.6 * open);
#endif
#ifdef PAINTED
    light = washed(light);
#endif
    // Dark glass of a traffic light reflects little: by day, too, the lamp that burns is the one that is seen.
    c = a * light * (m == SIGNAL_LAMP ? 0.15 : 1.0);
    float edge_on = 1.0 - max(dot(-v, n), 0.0), facing = edge_on * edge_on * edge_on * edge_on * edge_on;
    float gloss = m == GLASS ? 0.85 : m == CAR_PAINT ? 0.55 : m == METAL ? 0.3 : m == HEADLAMP ? 0.5 : m == SIGN_FACE ? 0.1 : 0.0;
    float fresnel = 0.05 + 0.95 * facing;
    if (gloss > 0.0) {
        vec3 r = reflect(v, n);
        vec3 seen = r.z > 0.0 ? sky(r, false) : bounce * 1.6;
        // Streets mirror houses, not sky, close to the horizon.
        seen = mix(ambient * 0.35, seen, smoothstep(-0.05, 0.35, r.z));
        c = mix(c, seen, clamp(fresnel * gloss + (m == GLASS ? 0.10 : 0.02), 0.0, 1.0));
#ifdef SUN
        vec3 h = normalize(sun_direction - v);
        c += sun_color * visible * gloss * pow(max(dot(n, h), 0.0), 180.0) * 1.6;
#endif
#ifdef NIGHT
        vec2 street = texture(lamp_map, (p.xy - lamp_frame.xy) * lamp_frame.zw).rg;
        c += vec3(1.0, 0.74, 0.44) * lamps_on * street.r * gloss * 0.10 * smoothstep(0.55, 0.95, r.z);
#endif
    }
#ifdef WET
    if (hard && wet > 0.05) {
        float ripple = weather.z * 0.06 + 0.006 + 0.025 * wind * wind;
        vec2 drift = vec2(elapsed_s * 3.1, -elapsed_s * 2.7);
        vec2 rough = vec2(noise2(p.xy * 13.0), noise2(p.yx * 14.0 + 7.0)) - 0.5;
        vec2 wave = vec2(noise2(p.xy * 8.0 + drift), noise2(p.yx * 8.5 - drift)) - 0.5;
        vec3 rn = normalize(n + vec3(mix(rough * 0.13, wave * ripple, puddle) / (1.0 + d * 0.02), 0.0));
        vec3 r = reflect(v, rn);
        r.z = abs(r.z);
        float grazing = 0.03 + 0.97 * pow(1.0 - max(dot(-v, rn), 0.0), 3.6);
        vec3 seen = mirrored(p, n, r, d, mix(bounce, sky_light, 0.55));
        float mirror = wet * mix(0.34, 0.95, puddle) * grazing * (m == PAINT ? 0.7 : 1.0);
        c = mix(c, seen, clamp(mirror, 0.0, 1.0));
#ifdef SUN
        vec3 h = normalize(sun_direction - v);
        c += sun_color * visible * wet * pow(max(dot(rn, h), 0.0), mix(60.0, 300.0, puddle)) * 0.5;
#endif
#ifdef NIGHT
        for (int i = glints.x; i < glints.y; i++) {
            vec3 l = beam_position[i].xyz - p;
            float r2 = dot(l, l);
            l *= inversesqrt(r2);
            float toward = smoothstep(0.3, 0.95, dot(-l, beam_direction[i].xyz)) / (1.0 + 0.0008 * r2) * step(r2, 3600.0);
            shine += vec3(1.0, 0.95, 0.86) * pow(max(dot(r, l), 0.0), mix(140.0, 500.0, puddle)) * wet * toward * 0.40;
        }
#endif
    }
#endif
#ifdef PAINTED
    c *= 1.0 - 0.78 * ink(depth_map, normal_map, pixel, depth, n);
#endif
    vec3 lamp = emission(m, a, packed_normal.a);
    c += lamp + shine;
    shine += m == GLASS ? lamp * 0.35 : lamp;
    float hidden = fog_amount(d, p.z - eye.z);
    c = mix(c, fog_light(v), hidden);
#ifdef AIRLIGHT
    c += air_light(v, d);
#endif
    shine *= 1.0 - hidden * 0.75;
    put(c, shine);
}
