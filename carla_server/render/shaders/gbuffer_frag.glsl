// Geometry pass. Exactly one of GROUND, FAR_GROUND, BUILDING, FOLIAGE_PASS, OBJECT is defined.
#include "materials"
#include "noise"
uniform vec3 eye;
in vec3 world;
in vec3 normal;
in vec3 color;
in vec2 uv;
in float glow;
flat in vec4 ids;
flat in int material;
layout(location = 0) out vec4 out_albedo;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_ids;
layout(location = 3) out float out_depth;

// Share of a pixel of footprint w, at x, that lies in [low, high]: an analytic box filter.
float band(float x, float low, float high, float w) {
    return clamp((min(x + 0.5 * w, high) - max(x - 0.5 * w, low)) / w, 0.0, 1.0);
}

#ifdef FAR_GROUND
uniform sampler2D albedo_map;   // seen from above: colour, material
uniform sampler2D relief_map;   // height, tag
uniform vec4 map_frame;         // x0, y0, 1 / width, 1 / height
#endif
#if defined(GROUND) || defined(FAR_GROUND)
// A software rasteriser runs every branch, so all materials share five evaluations of noise at frequencies of their own.
vec3 ground(vec3 c, int material, float d) {
    vec2 p = world.xy;
    vec4 often = vec4(2.0, 0.3, 1.0, 1.0);
    if (material == ASPHALT) often = vec4(0.11, 0.43, 7.0, 0.5);
    else if (material == PAINT) often = vec4(4.0, 15.0, 1.0, 1.0);
    else if (material == PAVING) often = vec4(0.7, 1.0, 1.0, 1.0);
    else if (material == GRASS) often = vec4(5.0, 0.21, 0.9, 0.07);
    vec4 n = vec4(noise2(p * often.x), noise2(p * often.y + 7.0), noise2(p * often.z), noise2(p * often.w + 3.0));
    float speck = hash2(floor(p * (material == PAVING ? 1.0 / 0.6 : 40.0))) - 0.5;
    if (material == ASPHALT) {
        float grain = (n.z - 0.5) * 0.35 * exp(-d * 0.08) + speck * 0.28 * exp(-d * 0.25);
        // Sheets laid in other years are lighter and warmer, with soft worn edges.
        float age = smoothstep(0.42, 0.58, n.x);
        c *= 0.94 + 0.20 * age + 0.12 * n.y + grain;
        c *= mix(vec3(0.98, 0.99, 1.02), vec3(1.03, 1.01, 0.97), age);
        float crack = abs(n.w + 0.25 * noise2(p * 2.3) - 0.62);
        c *= mix(1.0, smoothstep(0.0, 0.02, crack), 0.22 * exp(-d * 0.05));
        vec2 cell = p / vec2(9.0, 7.0), patch_cell = floor(cell);
        float chance = hash2(patch_cell + 9.0);
        vec2 inside = abs(fract(cell) - 0.5) - 0.12 - 0.22 * fract(vec2(17.0, 31.0) * chance);
        if (max(inside.x, inside.y) < 0.0 && chance > 0.86) c *= 0.90;
    } else if (material == PAINT) {
        c *= mix(0.93, 0.62 + 0.25 * (n.x + n.y), exp(-d * 0.03));
    } else if (material == PAVING) {
        vec2 q = p / 0.6;
        float w = clamp(0.002 * d / 0.6, 0.02, 1.0);
        float joint = max(band(fract(q.x), 0.0, 0.05, w), band(fract(q.y), 0.0, 0.05, w));
        c *= (0.92 + 0.18 * speck * exp(-d * 0.04) + 0.14 * n.x) * (1.0 - 0.30 * joint);
    } else if (material == GRASS) {
        float tuft = n.x * exp(-d * 0.05) + 0.5 * (1.0 - exp(-d * 0.05));
        c *= 0.62 + 0.42 * tuft + 0.34 * (n.y * 0.6 + n.z * 0.4);
        c = mix(c, c * vec3(1.28, 1.05, 0.72), smoothstep(0.5, 0.9, n.w));
    } else {
        c *= 0.88 + 0.24 * n.x * exp(-d * 0.05) + 0.12 * n.y;
    }
    return c;
}
#endif

#ifdef BUILDING
// Windows by style; returns colour and writes whether this is glass and how bright its room is lit.
vec3 facade(vec3 wall, int style, inout int surface, inout float room) {
    vec2 w = max(fwidth(uv), vec2(1e-3));
    const float FLOOR_M = 3.2;
    float pitch = style == 2 ? 1.6 : style == 1 ? 2.1 : style == 3 ? 3.0 : 2.4;
    vec2 half_size = style == 2 ? vec2(0.70, 0.98) : style == 1 ? vec2(0.52, 0.95) : vec2(0.60, 0.80);
    float floor_number = floor(uv.y / FLOOR_M);
    float column = floor(uv.x / pitch + 0.5);
    vec2 local = vec2(uv.x - column * pitch, uv.y - floor_number * FLOOR_M - 1.72);
    vec2 seed = vec2(column, floor_number) + ids.yz * 255.0;
    float random = hash2(seed);
    vec2 house = ids.yz * 255.0;
    // Every ground floor is of one kind: shops with signs, or flats with plinth, windows and doors.
    bool ground_floor = floor_number < 0.5;
    bool shops = ground_floor && style != 3 && hash2(house + 3.0) < (style == 2 ? 0.8 : 0.55);
    bool door = ground_floor && fract((column + floor(house.x)) / (style == 3 ? 3.0 : 4.0)) < 0.01;
    float shop_number = floor((column + 50.0) / 3.0) + house.x * 7.0 + house.y;
    bool shop = shops && !door;
    if (shop) { half_size = vec2(0.5 * pitch - 0.08, 1.02); local.y += 0.32; }
    if (door) { half_size = vec2(0.56, 1.14); local.y += 0.54; }
    float inside = band(local.x, -half_size.x, half_size.x, w.x) * band(local.y, -half_size.y, half_size.y, w.y);
    float frame_m = door ? 0.12 : shop ? 0.06 : 0.09;
    float pane = band(local.x, -half_size.x + frame_m, half_size.x - frame_m, w.x)
               * band(local.y, -half_size.y + frame_m, half_size.y - frame_m, w.y);
    if (!shop && style != 2) pane *= 1.0 - band(local.x, -0.035, 0.035, w.x) * clamp(0.07 / w.x, 0.0, 1.0);
    if (door) pane *= style == 3 ? band(local.y, 0.45, 0.95, w.y) : band(local.y, -0.35, 0.98, w.y);
    if (shop) pane *= band(local.y, -0.66, 1.02, w.y);
    if (uv.y < 0.0) { inside = 0.0; pane = 0.0; }
    // Wall: plinth, streaks below sills, brick courses near by.
    wall *= 0.90 + 0.16 * noise2(uv * vec2(0.9, 0.35)) + 0.06 * noise2(uv * 3.7);
    if (style == 1) {
        vec2 course = vec2(uv.x / 0.5 + 0.5 * mod(floor(uv.y / 0.16), 2.0), uv.y / 0.16);
        float sharp = exp(-3.0 * max(w.x / 0.5, w.y / 0.16));
        wall *= 1.0 + sharp * (0.22 * (hash2(floor(course)) - 0.5) - 0.16 * step(fract(course.y), 0.14));
    }
    wall *= mix(0.70, 1.0, smoothstep(0.35, 0.55, uv.y));
    if (style < 2) wall *= 1.0 + 0.16 * band(uv.y, FLOOR_M - 0.1, FLOOR_M + 0.18, w.y) - 0.25 * band(uv.y, FLOOR_M - 0.22, FLOOR_M - 0.1, w.y);
    float sill = band(local.y, -half_size.y - 0.14, -half_size.y, w.y) * band(local.x, -half_size.x - 0.1, half_size.x + 0.1, w.x);
    if (!shop && !door && style != 2 && uv.y > 0.0) wall = mix(wall, vec3(0.72, 0.71, 0.68), 0.75 * sill);
    vec3 frame = style == 2 ? vec3(0.16, 0.17, 0.19) : style == 1 ? vec3(0.82, 0.80, 0.76) : vec3(0.86, 0.85, 0.82);
    if (door) frame = mix(vec3(0.30, 0.17, 0.09), vec3(0.10, 0.20, 0.16), step(0.5, hash2(house + 8.0)));
    if (shops) {
        // A sign over each shop: board in the shop's colour with light strokes that stand for letters.
        float hue = hash2(vec2(shop_number, 2.0));
        vec3 board = 0.10 + 0.34 * clamp(0.5 + 0.62 * cos(6.2832 * (hue + vec3(0.0, 0.33, 0.67))), 0.0, 1.0);
        if (hash2(vec2(shop_number, 5.0)) > 0.72) board = vec3(0.62, 0.60, 0.55);
        float band_y = band(uv.y, 2.52, 3.06, w.y);
        float along = fract((column + 50.0) / 3.0) * 3.0 * pitch + uv.x - column * pitch;
        float word = band(along, 0.35 * pitch, (1.1 + 0.9 * hue) * pitch, w.x) * band(uv.y, 2.66, 2.92, w.y);
        float stroke = 0.45 + 0.55 * step(0.35, hash2(vec2(floor(uv.x * 5.0), shop_number)));
        vec3 letters = board.g > 0.5 ? vec3(0.12) : vec3(0.88, 0.86, 0.78);
        wall = mix(wall, mix(board, letters, word * mix(0.72, stroke, exp(-8.0 * w.x))), band_y);
        if (shop) frame = board * 0.62;
    }
    vec3 glass = mix(vec3(0.05, 0.065, 0.08), vec3(0.17, 0.20, 0.23), random * random);
    // Some blinds and curtains.
    if (shop) {
        // What the window shows: a dim room with goods on the lower half.
        float goods = hash2(floor(vec2(uv.x * 2.6, uv.y * 2.2)) + shop_number);
        vec3 ware = 0.5 + 0.5 * cos(6.2832 * (goods + vec3(0.0, 0.30, 0.62)));
        glass = mix(glass * 0.9 + 0.02, ware * 0.26, step(0.45, goods) * step(uv.y, 1.7) * exp(-5.0 * w.x));
    }
    if (!shop && !door && random > 0.55) glass = mix(glass, vec3(0.55, 0.52, 0.46), 0.75 * step(half_size.y * (1.6 * hash2(seed + 5.0) - 0.5), local.y));
    vec3 c = mix(mix(wall, frame, inside), glass, pane);
    if (pane > 0.5) {
        surface = GLASS;
        float lit = hash2(seed + 11.0);
        float threshold = shop ? 0.35 : style == 2 ? 0.74 : 0.62;
        if (lit > threshold) room = 0.25 + 0.75 * hash2(seed + 23.0);
        // Far away single windows merge: keep their mean.
        room = mix(room, 0.22, clamp(max(w.x / pitch, w.y / FLOOR_M) - 0.5, 0.0, 1.0));
    }
    return c;
}
#endif

void main() {
    vec3 c = color;
    vec3 n = normalize(normal);
    if (!gl_FrontFacing && material != FOLIAGE) n = dot(n, world - eye) > 0.0 ? -n : n;
    int surface = material;
    float extra = glow;
    float d = length(world - eye), tag = ids.x, stretch = 1.0;
#ifdef GROUND
    c = ground(c, material, d);
#endif
#ifdef FAR_GROUND
    vec2 at = (world.xy - map_frame.xy) * map_frame.zw;
    vec4 top = texture(albedo_map, at);
    vec2 relief = texture(relief_map, at).rg;
    surface = int(top.a * 255.0 + 0.5);
    c = ground(top.rgb, surface, d);
    tag = relief.y / 255.0;
    // The view ray meets the true surface, parallel to the quad, sooner or later than the quad.
    stretch = clamp(1.0 + (relief.x - world.z) * n.z / dot(n, world - eye), 0.8, 1.25);
#endif
#ifdef BUILDING
    if (material == FACADE) c = facade(c, int(ids.w * 255.0 + 0.5), surface, extra);
    else if (material == ROOF) {
        c *= 0.85 + 0.3 * noise2(world.xy * 1.7);
        if (uv.y != 0.0) c *= 0.86 + 0.14 * smoothstep(0.0, 0.25, fract(uv.y / 0.33)) ;
    }
#endif
#ifdef FOLIAGE_PASS
    if (material == FOLIAGE) {
        // Leaves: ragged silhouette and light-dark clumps, in world space so that they stay put.
        vec3 v = normalize(world - eye);
        vec3 q = world * 5.5;
        float leaf = hash2(floor(q.xy) + floor(q.z) * 17.0);
        float rim = abs(dot(n, v));
        if (d < 90.0 && rim < 0.42 * leaf) discard;
        c *= 0.72 + 0.56 * leaf * exp(-d * 0.012) + 0.28 * (1.0 - exp(-d * 0.012));
        n = normalize(n + 0.9 * (vec3(leaf, hash2(floor(q.yz) + 5.0), hash2(floor(q.xz) + 9.0)) - 0.5));
    }
#endif
    out_albedo = vec4(c, float(surface) / 255.0);
    out_normal = vec4(n * 0.5 + 0.5, extra);
    // CARLA's instance picture in BGRA: high byte, low byte, tag.
    out_ids = vec4(ids.z, ids.y, tag, 1.0);
    out_depth = stretch / gl_FragCoord.w;
}
