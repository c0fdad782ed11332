// Instanced meshes: wheels turn, people walk, lamps shine by the instance's light bits.
#include "materials"
#include "thin"
uniform mat4 view_projection;
in vec3 in_position;
in ivec4 in_normal;
in vec4 in_color;
in vec2 in_uv;
in vec4 in_ids;
in vec4 in_row0;
in vec4 in_row1;
in vec4 in_row2;
in vec4 in_tint;
in vec4 in_instance;
in vec4 in_motion;
out vec3 world;
out vec3 normal;
out vec3 color;
out vec2 uv;
out float glow;
flat out vec4 ids;
flat out int material;

// Numbers of carla_server.render.shapes.parts.Part.
const int FRONT_WHEEL = 1, REAR_WHEEL = 2, LEFT_LEG = 3, RIGHT_LEG = 4, LEFT_ARM = 5, RIGHT_ARM = 6, SECOND_COLOR = 7;
const int HEADLAMP_PART = 8, TAIL_PART = 9, LEFT_BLINKER = 10, RIGHT_BLINKER = 11, REVERSE_PART = 12, SPECIAL1 = 13;
const int SPECIAL2 = 14, SIGNAL_RED = 16, SIGNAL_YELLOW = 17, SIGNAL_GREEN = 18;

vec3 about_y(vec3 v, float angle) {
    float s = sin(angle), c = cos(angle);
    return vec3(c * v.x - s * v.z, v.y, s * v.x + c * v.z);
}
vec3 about_z(vec3 v, float angle) {
    float s = sin(angle), c = cos(angle);
    return vec3(c * v.x - s * v.y, s * v.x + c * v.y, v.z);
}
float lit(int part, int bits) {
    bool night_lights = (bits & 0x7) != 0;
    if (part == HEADLAMP_PART) return (bits & 0x4) != 0 ? 1.0 : (bits & 0x2) != 0 ? 0.8 : (bits & 0x1) != 0 ? 0.22 : 0.0;
    if (part == TAIL_PART) return (bits & 0x8) != 0 ? 1.0 : (bits & 0x80) != 0 ? 0.8 : night_lights ? 0.3 : 0.0;
    if (part == LEFT_BLINKER) return (bits & 0x20) != 0 ? 1.0 : 0.0;
    if (part == RIGHT_BLINKER) return (bits & 0x10) != 0 ? 1.0 : 0.0;
    if (part == REVERSE_PART) return (bits & 0x40) != 0 ? 0.7 : 0.0;
    if (part == SPECIAL1) return (bits & 0x200) != 0 ? 1.0 : 0.0;
    if (part == SPECIAL2) return (bits & 0x400) != 0 ? 1.0 : 0.0;
    if (part == SIGNAL_RED) return (bits & 0x1) != 0 ? 1.0 : 0.0;
    if (part == SIGNAL_YELLOW) return (bits & 0x2) != 0 ? 1.0 : 0.0;
    if (part == SIGNAL_GREEN) return (bits & 0x4) != 0 ? 1.0 : 0.0;
    return 0.0;
}

void main() {
    vec3 p = in_position;
    vec3 n = vec3(in_normal.xyz) / 127.0;
    int part = int(in_ids.w * 255.0 + 0.5);
    if (part >= FRONT_WHEEL && part <= RIGHT_ARM) {
        vec3 pivot = vec3(in_uv.x, float(in_normal.w) / 40.0, in_uv.y);
        p -= pivot;
        float step_angle = sin(in_motion.z);
        if (part <= REAR_WHEEL) {
            p = about_y(p, -in_motion.y);
            n = about_y(n, -in_motion.y);
            if (part == FRONT_WHEEL) { p = about_z(p, in_motion.x); n = about_z(n, in_motion.x); }
        } else {
            float angle = part == LEFT_LEG ? 0.55 * step_angle : part == RIGHT_LEG ? -0.55 * step_angle
                        : part == LEFT_ARM ? -0.45 * step_angle : 0.45 * step_angle;
            p = about_y(p, angle);
            n = about_y(n, angle);
        }
        p += pivot;
    }
    float shining = lit(part, int(in_motion.w + 0.5));
    if (part >= SIGNAL_RED && part <= SIGNAL_GREEN && shining > 0.0) {
        // A lit lens never looks smaller than about two pixels: glare, without which 0.27 m vanish at 30 m.
        vec3 pivot = vec3(in_uv.x, 0.0, in_uv.y);
        vec3 place = vec3(in_row0.w, in_row1.w, in_row2.w);
        float swell = clamp(1.6 * distance(place, eye) / (focal_px * 0.135), 1.0, 3.0);
        p = pivot + (p - pivot) * swell + vec3(0.2, 0.0, 0.0) * step(1.05, swell);
    }
    if (part >= LEFT_BLINKER && part <= REVERSE_PART && shining > 0.0) {
        // Likewise blinkers and reversing lamps, whose lenses are a hand high.
        vec3 pivot = vec3(in_uv.x, float(in_normal.w) / 40.0, in_uv.y);
        float swell = clamp(1.2 * distance(vec3(in_row0.w, in_row1.w, in_row2.w), eye) / (focal_px * 0.12), 1.0, 2.6);
        p = pivot + (p - pivot) * swell + vec3(0.12 * sign(pivot.x), 0.0, 0.0) * step(1.05, swell);
    }
    vec4 q = vec4(p, 1.0);
    world = vec3(dot(in_row0, q), dot(in_row1, q), dot(in_row2, q));
    normal = vec3(dot(in_row0.xyz, n), dot(in_row1.xyz, n), dot(in_row2.xyz, n));
    material = int(in_color.a * 255.0 + 0.5);
    world += thickening(world, normalize(normal), in_ids.x);
    color = in_color.rgb;
    float id = in_instance.y * 255.0 + in_instance.z * 256.0;
    if (part == SECOND_COLOR || part == LEFT_LEG || part == RIGHT_LEG) {
        // Trousers and hair: dark hues, one per person.
        vec3 hue = 0.5 + 0.5 * cos(6.2832 * (fract(id * 0.618) + vec3(0.0, 0.33, 0.67)));
        if (material == MATTE) color = mix(color, hue * 0.35, 0.45) * (0.6 + 0.8 * fract(id * 0.37));
        else color = mix(vec3(0.07, 0.05, 0.04), vec3(0.32, 0.22, 0.12), fract(id * 0.731));
    } else if (material == CAR_PAINT || material == CLOTH || material == FOLIAGE) {
        color *= in_tint.rgb * (material == FOLIAGE ? 2.0 : 1.0);
    } else if (material == SKIN) {
        color *= mix(vec3(1.0), vec3(0.45, 0.36, 0.32), fract(id * 0.417));
    }
    uv = in_uv;
    glow = shining;
    if (material == STREET_LAMP) glow = 1.0;
    ids = in_ids;
    if (ids.x == 0.0) ids.x = in_instance.x;
    ids.yz = in_instance.yz;
    gl_Position = view_projection * vec4(world, 1.0);
}
