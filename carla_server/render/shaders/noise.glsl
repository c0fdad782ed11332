// Hash and value noise. Hash after Dave Hoskins, "Hash without Sine" (MIT).
float hash2(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
float noise2(vec2 p) {
    vec2 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash2(i), hash2(i + vec2(1, 0)), f.x), mix(hash2(i + vec2(0, 1)), hash2(i + vec2(1, 1)), f.x), f.y);
}
float fbm(vec2 p) {
    return 0.5 * noise2(p) + 0.28 * noise2(p * 2.1) + 0.15 * noise2(p * 4.3) + 0.07 * noise2(p * 8.7);
}
