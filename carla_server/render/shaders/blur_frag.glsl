// One direction of a separable Gaussian; reads at the source's size, writes at the target's.
uniform sampler2D source;
uniform vec2 step_uv;
uniform vec2 target_size;
layout(location = 0) out vec4 out_color;

void main() {
    vec2 at = gl_FragCoord.xy / target_size;
    vec3 c = texture(source, at).rgb * 0.2042;
    c += (texture(source, at + 1.4 * step_uv).rgb + texture(source, at - 1.4 * step_uv).rgb) * 0.3040;
    c += (texture(source, at + 3.3 * step_uv).rgb + texture(source, at - 3.3 * step_uv).rgb) * 0.0939;
    out_color = vec4(c, 1.0);
}
