// Poles thinner than a pixel would break into dashes: far away they are drawn about one pixel wide.
uniform vec3 eye;
uniform float focal_px;
const float POLES_TAG = 6.0;

vec3 thickening(vec3 world, vec3 normal, float tag) {
    float is_pole = step(abs(tag * 255.0 - POLES_TAG), 0.5);
    return normal * is_pole * clamp(0.40 * distance(world, eye) / max(focal_px, 1.0) - 0.05, 0.0, 0.30);
}
