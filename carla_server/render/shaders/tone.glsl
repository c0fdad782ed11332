// From linear light to the picture; the alpha holds the brightness that edge smoothing compares.
uniform float exposure;
uniform float dust;
layout(location = 0) out vec4 out_color;
#ifdef NIGHT
layout(location = 1) out vec4 out_bloom;
#endif

void put(vec3 c, vec3 shine) {
    if (dust > 0.0) c = mix(c, vec3(0.52, 0.36, 0.20) * (0.15 + dot(sky_horizon, vec3(0.5))), dust * 0.25);
    c *= exposure;
#ifdef PAINTED
    // A softer curve with deeper colours, on cream paper.
    c = 1.0 - exp(-1.40 * c);
    c = mix(vec3(dot(c, vec3(0.3, 0.59, 0.11))), c, 1.22);
    c = clamp(pow(max(c, 0.0), vec3(1.0 / 1.9)) * vec3(0.97, 0.955, 0.90) + vec3(0.030, 0.022, 0.035), 0.0, 1.0);
#else
    // Filmic curve: Krzysztof Narkowicz, "ACES Filmic Tone Mapping Curve" (2016).
    c = clamp(c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14), 0.0, 1.0);
    c = pow(c, vec3(1.0 / 2.2));
#endif
    out_color = vec4(c, dot(c, vec3(0.299, 0.587, 0.114)));
#ifdef NIGHT
    out_bloom = vec4(min(shine * exposure * 0.16, vec3(1.0)), 1.0);
#endif
}
