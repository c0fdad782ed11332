// The painted style: flat washes, ink and patterns of its own. Needs "materials", "noise" before it.

// Light in few steps with soft edges.
vec3 washed(vec3 light) {
    float level = max(max(light.r, light.g), max(light.b, 1e-4));
    float stops = log2(level) * 1.4, below = floor(stops);
    float stepped = exp2((below + smoothstep(0.32, 0.68, stops - below)) / 1.4);
    return light * (stepped / level);
}
// Where things stand on the canvas: coarse strokes that follow the surface.
float strokes(vec3 p, vec3 n) {
    vec2 q = abs(n.z) > 0.7 ? p.xy : abs(n.x) > abs(n.y) ? p.yz : p.xz;
    return noise2(q * vec2(2.2, 0.7)) * 0.6 + noise2(q.yx * vec2(5.5, 1.9) + 9.0) * 0.4;
}
// Another box of paints for each kind of surface; the brightness of the surface stays about what it was.
vec3 repainted(vec3 a, int m, vec3 p, vec3 n) {
    float grey = dot(a, vec3(0.3, 0.59, 0.11));
    float stroke = strokes(p, n);
    vec3 c = mix(vec3(grey), a, 0.80);
    if (m == ASPHALT) c = vec3(0.074, 0.068, 0.090) * (0.75 + 0.5 * stroke) + 0.25 * grey;
    else if (m == PAVING) {
        vec2 tile = fract(p.xy / 1.3 + vec2(0.5 * step(0.5, fract(p.y / 2.6)), 0.0));
        c = vec3(0.36, 0.29, 0.23) * (0.8 + 0.35 * stroke) * (1.0 - 0.4 * step(0.93, max(tile.x, tile.y)));
    } else if (m == CONCRETE) c = vec3(0.42, 0.38, 0.35) * (0.7 + 0.4 * stroke) * (0.5 + grey);
    else if (m == GRASS) c = mix(vec3(0.17, 0.20, 0.055), vec3(0.30, 0.25, 0.08), smoothstep(0.35, 0.7, stroke)) * (0.6 + 2.0 * grey);
    else if (m == FOLIAGE) c = mix(vec3(0.055, 0.17, 0.12), vec3(0.22, 0.24, 0.06), smoothstep(0.4, 0.75, stroke)) * (0.55 + 3.0 * grey);
    else if (m == FACADE) {
        vec3 plaster = mix(vec3(0.55, 0.40, 0.34), vec3(0.38, 0.47, 0.46), step(0.5, fract(grey * 37.0)));
        c = mix(a.gbr, plaster, 0.55) * (0.80 + 0.35 * stroke);
    } else if (m == ROOF) c = mix(vec3(0.22, 0.25, 0.30), a, 0.25) * (0.7 + 0.6 * step(0.5, fract(p.z * 2.2)) * 0.5);
    else if (m == GLASS) c = vec3(0.04, 0.10, 0.11) + 0.3 * grey;
    else if (m == CAR_PAINT) c = mix(vec3(grey), a, 1.15) * (0.85 + 0.25 * stroke);
    return max(c, vec3(0.0));
}
// Ink where the depth or the direction of the surface jumps.
float ink(sampler2D depths, sampler2D normals, ivec2 pixel, float depth, vec3 n) {
    ivec2 last = textureSize(depths, 0) - 1;
    ivec2 a = min(pixel + ivec2(1, 0), last), b = min(pixel + ivec2(0, 1), last);
    float da = texelFetch(depths, a, 0).r, db = texelFetch(depths, b, 0).r;
    vec3 na = texelFetch(normals, a, 0).xyz * 2.0 - 1.0, nb = texelFetch(normals, b, 0).xyz * 2.0 - 1.0;
    float apart = max(abs(da - depth), abs(db - depth)) / (0.10 * depth + 0.05);
    float bend = max(1.0 - dot(n, na), 1.0 - dot(n, nb));
    return max(smoothstep(0.8, 1.6, apart), smoothstep(0.45, 0.9, bend) * smoothstep(45.0, 12.0, depth));
}
